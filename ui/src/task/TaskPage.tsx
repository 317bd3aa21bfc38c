/** One task: what it is, its attempts, and of the chosen attempt logs, cards, artifacts and metadata. */

import { useEffect } from "preact/hooks";

import type { UIMetadata, UITask } from "../api";
import { LogView } from "../logs/LogView";
import {
  CopyButton,
  Duration,
  Failure,
  SettlingContext,
  Skeleton,
  Status,
  StatusIcon,
  Time,
  useSettling,
} from "../parts";
import { href, hrefWith } from "../router";
import { NotFound, useTitle } from "../shell";
import { Artifacts } from "./Artifacts";
import { Cards } from "./Cards";
import { Metadata } from "./Metadata";
import type { Place } from "./Section";
import { useTask } from "./taskData";
import "./task.css";

export interface Props {
  flow: string;
  run: string;
  step: string;
  task: string;
  attempt?: number | undefined;
}

const SECTIONS = [
  ["stdout", "Stdout"],
  ["stderr", "Stderr"],
  ["cards", "Cards"],
  ["artifacts", "Artifacts"],
  ["metadata", "Metadata"],
] as const;

export function TaskPage({ flow, run, step, task, attempt }: Props) {
  useTitle(`${step}/${task} · ${flow}/${run}`);
  const { attempts, metadata, loading, factsKnown, error, again } = useTask(flow, run, step, task);
  const wanted = attempt === undefined ? undefined : attempts.find((one) => one.attempt_id === attempt);
  const shown = wanted ?? attempts[0];

  if (!shown) {
    if (error?.notFound || (!loading && !error)) return <NotFound what="task" />;
    if (error) return <Failure error={error} what="the task" again={again} />;
    return <Skeleton height={420} />;
  }
  if (!factsKnown) return <Skeleton height={420} />;
  const number = shown.attempt_id;
  const running = shown.status === "running" || shown.status === "pending";
  const place = { flow, run, step, task, attempt: number };
  const facts = metadata.filter((row) => row.attempt_id === number || row.attempt_id === null);
  return (
    <article class="task" aria-label={`Task ${step}/${task}`}>
      <Header shown={shown} attempts={attempts} flow={flow} run={run} facts={facts} />
      {attempt !== undefined && !wanted && (
        <p class="task-notice" role="status">
          There is no attempt {attempt} of this task; this is attempt {number}.
        </p>
      )}
      {attempts.length > 1 && <Attempts attempts={attempts} shown={number} />}
      <Jumps />
      <Parts key={number} place={place} running={running} facts={facts} />
    </article>
  );
}

/** What grows when it has been loaded, from top to bottom. */
const GROWING = ["stdout", "stderr", "cards", "artifacts"] as const;

function Parts({ place, running, facts }: { place: Place; running: boolean; facts: readonly UIMetadata[] }) {
  const { settling, hides } = useSettling(GROWING);
  const below = (part: (typeof GROWING)[number]): string => (hides(part) ? "is-unsettled" : "");
  return (
    <SettlingContext.Provider value={settling}>
      <section id="logs" class="task-section" aria-label="Logs">
        <div id="stdout" class={`task-anchor ${below("stdout")}`}>
          <LogView source={{ ...place, stream: "out" }} running={running} />
        </div>
        <div id="stderr" class={`task-anchor ${below("stderr")}`}>
          <LogView source={{ ...place, stream: "err" }} running={running} />
        </div>
      </section>
      <div class={below("cards")}>
        <Cards place={place} running={running} />
      </div>
      <div class={below("artifacts")}>
        <Artifacts place={place} running={running} />
        <Metadata rows={facts} />
      </div>
    </SettlingContext.Provider>
  );
}

interface HeaderProps {
  shown: UITask;
  attempts: readonly UITask[];
  flow: string;
  run: string;
  facts: readonly UIMetadata[];
}

function Header({ shown, attempts, flow, run, facts }: HeaderProps) {
  const id = shown.task_name ?? String(shown.task_id);
  const index = foreachIndex(shown);
  const running = shown.status === "running" || shown.status === "pending";
  const start = shown.started_at ?? shown.ts_epoch;
  return (
    <header class="task-header">
      <h1 class="breaks">
        <a href={href([], { flow_id: flow })}>
          <bdi>{flow}</bdi>
        </a>
        <span class="soft"> / </span>
        <a href={href([flow, run])}>
          <bdi>{run}</bdi>
        </a>
        <span class="soft"> / </span>
        <a href={href([flow, run, "view", "timeline"], { step: shown.step_name })}>
          <bdi>{shown.step_name}</bdi>
        </a>
        <span class="soft"> / </span>
        <bdi>{id}</bdi> <CopyButton text={[flow, run, shown.step_name, id].join("/")} label="Copy the task's path" small />
      </h1>
      <dl class="task-facts">
        <Fact name="Status" hidden>
          <Status value={shown.status} />
        </Fact>
        <Fact name="Started">
          <Time at={start} />
        </Fact>
        {shown.finished_at !== null && !running && (
          <Fact name="Finished">
            <Time at={shown.finished_at} />
          </Fact>
        )}
        <Fact name="Duration">
          <Duration ms={shown.duration} since={shown.status === "running" ? start : undefined} />
        </Fact>
        {attempts.length > 1 && (
          <Fact name="Attempt">
            <span class="num">
              {shown.attempt_id + 1} of {(attempts[0]?.attempt_id ?? 0) + 1}
            </span>
          </Fact>
        )}
        {index !== null && (
          <Fact name="Foreach">
            <bdi class="num">{foreachStack(facts) ?? `[${index}]`}</bdi>
          </Fact>
        )}
        {FACTS.map(([field, name]) => {
          const value = facts.find((row) => row.field_name === field)?.value;
          return value && value !== "None" ? (
            <Fact key={field} name={name}>
              <bdi title={value}>{value}</bdi>
            </Fact>
          ) : null;
        })}
      </dl>
    </header>
  );
}

/** What says where and with what a task ran, whatever runs it; the rest is in the table. */
const FACTS = [
  ["hostname", "Host"],
  ["host", "Host"],
  ["aws-batch-job-id", "Batch job"],
  ["kubernetes-pod-name", "Pod"],
  ["runtime", "Runtime"],
  ["user", "User"],
  ["python_version", "Python"],
  ["metaflow_version", "Metaflow"],
] as const;

function Fact({ name, hidden = false, children }: { name: string; hidden?: boolean; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt class={hidden ? "unseen" : "soft"}>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** The index out of a label like `123[4]`. */
function foreachIndex(task: UITask): string | null {
  return /\[([^\]]*)\]$/.exec(task.foreach_label ?? "")?.[1] ?? null;
}

/** `items=3` for each level, as the client wrote it. */
function foreachStack(facts: readonly UIMetadata[]): string | undefined {
  return facts.find((row) => row.field_name === "foreach-stack")?.value.replace(/^\{|\}$/g, "");
}

function Attempts({ attempts, shown }: { attempts: readonly UITask[]; shown: number }) {
  const newest = attempts[0]?.attempt_id;
  return (
    <nav class="tabs" aria-label="Attempts">
      {[...attempts].reverse().map(({ attempt_id: number, status }) => (
        <a
          key={number}
          class="tab task-attempt"
          href={hrefWith({ attempt: number === newest ? undefined : String(number) })}
          aria-current={number === shown ? "page" : undefined}
        >
          <span class={`is-${status}`}>
            <StatusIcon value={status} size={14} />
          </span>
          Attempt {number}
        </a>
      ))}
    </nav>
  );
}

/** Leads to the sections. Plain anchors would be taken for addresses below the base. */
function Jumps() {
  useEffect(() => {
    const name = window.location.hash.slice(1);
    if (name) requestAnimationFrame(() => jump(name));
  }, []);
  return (
    <nav class="task-jumps" aria-label="Sections">
      {SECTIONS.map(([id, label]) => (
        <a
          key={id}
          href={`#${id}`}
          data-external
          onClick={(event) => {
            event.preventDefault();
            jump(id);
          }}
        >
          {label}
        </a>
      ))}
    </nav>
  );
}

function jump(id: string): void {
  const target = document.getElementById(id);
  if (!target) return;
  target.scrollIntoView();
  target.tabIndex = -1;
  target.focus({ preventScroll: true });
}
