/** The programs of the stack: how each is, and the last lines of its log. */

import { useEffect, useRef } from "preact/hooks";

import { fetchStackLog, useLoad, type StackProgram } from "../api";
import { plain } from "../logs/ansi";
import { CopyButton, Failure, Skeleton, formatBytes, formatDuration } from "../parts";
import { query, setQuery } from "../router";

const LOG_LINES = 200;
const LOG_EVERY_MS = 2000;
const SECOND_MS = 1000;

const KINDS: Record<string, string> = {
  up: "completed",
  restarting: "running",
  "no answer": "pending",
  down: "unknown",
  failed: "failed",
};

export function Programs({ programs }: { programs: readonly StackProgram[] }) {
  const open = query.value["log"];
  return (
    <section class="panel" aria-labelledby="programs-title">
      <h2 id="programs-title">Programs</h2>
      <ul class="programs">
        {programs.map((program) => (
          <Program key={program.program} program={program} open={open === program.program} />
        ))}
      </ul>
    </section>
  );
}

function Program({ program, open }: { program: StackProgram; open: boolean }) {
  const name = program.program;
  return (
    <li>
      <div class="program">
        <span class={`program-state is-${KINDS[program.state ?? ""] ?? "unknown"}`}>
          <span class="program-dot" aria-hidden="true" />
          {program.state ?? "unknown"}
        </span>
        <span class="program-name breaks">
          <bdi>{name}</bdi>
          <span class="soft"> {detailOf(program)}</span>
        </span>
        <span class="program-address mono soft breaks">{program.address ?? ""}</span>
        <span class="num program-number">{program.memory === null ? "" : formatBytes(program.memory)}</span>
        <span class="num program-number">
          {program.uptime === null ? "" : `up ${formatDuration(Math.floor(program.uptime) * SECOND_MS).replace(/\.0s$/, "s")}`}
        </span>
        <span class="num program-number soft">{program.answer_ms === null ? "" : `${Math.round(program.answer_ms)} ms`}</span>
        <button
          type="button"
          class="button program-log"
          aria-expanded={open}
          aria-label={`Log of ${name}`}
          onClick={() => setQuery({ log: open ? undefined : name }, { replace: true })}
        >
          Log
        </button>
      </div>
      {open && <Log program={name} />}
    </li>
  );
}

/** The address has a column of its own. */
function detailOf({ detail, address }: StackProgram): string {
  if (!detail || !address) return detail ?? "";
  const said = detail.replace(` on ${address}`, "");
  return detail.endsWith(`//${address}/`) ? "" : said;
}

function Log({ program }: { program: string }) {
  const log = useLoad(`log ${program}`, (signal) => fetchStackLog(program, LOG_LINES, signal));
  const frame = useRef<HTMLPreElement>(null);
  const atEnd = useRef(true);
  const { again } = log;
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) again();
    }, LOG_EVERY_MS);
    return () => clearInterval(timer);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- again is the same for the life of the view
  }, []);
  const text = log.data?.map(plain).join("\n");
  useEffect(() => {
    const element = frame.current;
    if (element && atEnd.current) element.scrollTop = element.scrollHeight;
  }, [text]);
  if (text === undefined)
    return log.error ? <Failure error={log.error} what="the log" again={again} /> : <Skeleton height={240} />;
  return (
    <div class="paste">
      <pre
        ref={frame}
        class="program-lines"
        tabIndex={0}
        aria-label={`Last lines of ${program}`}
        onScroll={(event) => {
          const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
          atEnd.current = scrollHeight - scrollTop - clientHeight < 8;
        }}
      >
        {text || "The log is empty."}
      </pre>
      <CopyButton text={text} label={`Copy the log of ${program}`} small />
    </div>
  );
}
