/** One task: what it is, its attempts, and of the chosen attempt logs, cards, artifacts and metadata. */

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";

import { filterValue, type UIMetadata, type UITask } from "../api";
import { LogView } from "../logs/LogView";
import {
  CopyButton,
  Duration,
  Failure,
  foreachText,
  Icon,
  SettlingContext,
  Skeleton,
  Status,
  StatusIcon,
  Time,
  useSettling,
} from "../parts";
import { href, hrefWith } from "../router";
import { NotFound, useTitle } from "../shell";
import { Artifacts, CAUGHT, useArtifacts } from "./Artifacts";
import { Cards } from "./Cards";
import { Metadata } from "./Metadata";
import type { Place } from "./Section";
import { isRunning } from "./phase";
import { useTask, type Origin, type TaskData } from "./taskData";
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
  const data = useTask(flow, run, step, task, attempt);
  const { attempts, shown, known, error } = data;
  const missing = !shown && known && (!error || error.notFound);
  useTitle(missing ? "No such task" : `${step}/${task} · ${flow}/${run}`);

  if (missing) return <NotFound what="task" />;
  if (!shown && error) return <Failure error={error} what="the task" again={data.again} />;
  if (!shown || !known) return <Skeleton height={420} />;
  const number = shown.attempt_id;
  return (
    <article class="task" aria-label={`Task ${step}/${task}`}>
      <Attempt key={number} place={{ flow, run, step, task, attempt: number }} data={data} shown={shown}>
        {attempt !== undefined && attempt !== number && (
          <p class="task-notice" role="status">
            There is no attempt {attempt} of this task; this is attempt {number}.
          </p>
        )}
        {attempts.length > 1 && <Attempts attempts={attempts} shown={number} />}
        <Jumps />
      </Attempt>
    </article>
  );
}

/** What grows when it has been loaded, from top to bottom. */
const GROWING = ["stdout", "stderr", "cards", "artifacts"] as const;

interface AttemptProps {
  place: Place;
  data: TaskData;
  shown: UITask;
  /** Between the header and the sections. */
  children: ComponentChildren;
}

function Attempt({ place, data, shown, children }: AttemptProps) {
  const { attempts, metadata, phase, origin } = data;
  const { settling, hides } = useSettling(GROWING);
  const artifacts = useArtifacts(place, phase);
  const [whole, setWhole] = useState({ out: false, err: false });
  const { onWhole } = data;
  useEffect(() => {
    if (whole.out && whole.err) onWhole(place.attempt);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- told once
  }, [whole.out, whole.err]);
  const below = (part: (typeof GROWING)[number]): string => (hides(part) ? "is-unsettled" : "");
  const facts = metadata.filter((row) => row.attempt_id === place.attempt || row.attempt_id === null);
  const caught = artifacts.rows?.some((row) => row.name === CAUGHT) ?? false;
  const at = origin && <OriginLink place={place} origin={origin} />;
  const log = (stream: "out" | "err") => (
    <LogView
      source={{ ...place, stream }}
      phase={phase}
      onWhole={() => setWhole((old) => (old[stream] ? old : { ...old, [stream]: true }))}
      origin={at && <>This task was cloned: what it wrote to std{stream} is kept with {at}.</>}
    />
  );
  return (
    <SettlingContext.Provider value={settling}>
      <Header shown={shown} attempts={attempts} place={place} facts={facts} origin={at} caught={caught} />
      {children}
      <section id="logs" class="task-section" aria-label="Logs">
        <div id="stdout" class={`task-anchor ${below("stdout")}`}>
          {log("out")}
        </div>
        <div id="stderr" class={`task-anchor ${below("stderr")}`}>
          {log("err")}
        </div>
      </section>
      <div class={below("cards")}>
        <Cards place={place} phase={phase} />
      </div>
      <div class={below("artifacts")}>
        <Artifacts loaded={artifacts} phase={phase} origin={at && <>This task was cloned: its artifacts are those of {at}.</>} />
        <Metadata rows={facts} phase={phase} />
      </div>
    </SettlingContext.Provider>
  );
}

/** Leads to the task that a resume has taken over. */
function OriginLink({ place: { flow, step }, origin: { run, task } }: { place: Place; origin: Origin }) {
  return (
    <a href={href([flow, run, step, task])}>
      <bdi>
        {run}/{step}/{task}
      </bdi>
    </a>
  );
}

interface HeaderProps {
  shown: UITask;
  attempts: readonly UITask[];
  place: Place;
  facts: readonly UIMetadata[];
  /** A link to the task it was cloned from, if it was. */
  origin: ComponentChildren;
  /** Its code raised an exception, and `@catch` let the run go on. */
  caught: boolean;
}

function Header({ shown, attempts, place: { flow, run }, facts, origin, caught }: HeaderProps) {
  const id = shown.task_name ?? String(shown.task_id);
  const index = foreachIndex(shown);
  const running = isRunning(shown);
  const start = shown.started_at ?? shown.ts_epoch;
  return (
    <header class="task-header">
      <h1 class="breaks">
        <a href={href([], { flow_id: filterValue(flow) })}>
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
        {caught && (
          <Fact name="Caught" hidden>
            <a class="mark-caught" href="#artifacts" data-external onClick={(event) => (event.preventDefault(), jump("artifacts"))}>
              <Icon name="warn" size={14} /> exception caught
            </a>
          </Fact>
        )}
        {origin && <Fact name="Cloned from">{origin}</Fact>}
        <Fact name={shown.status === "pending" ? "Registered" : "Started"}>
          <Time at={start} />
        </Fact>
        {shown.finished_at !== null && !running && (
          <Fact name="Finished">
            <Time at={shown.finished_at} />
          </Fact>
        )}
        {shown.status !== "pending" && (
          <Fact name="Duration">
            <Duration ms={shown.duration} since={shown.status === "running" ? start : undefined} />
          </Fact>
        )}
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

function Fact({ name, hidden = false, children }: { name: string; hidden?: boolean; children: ComponentChildren }) {
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

/** `items=3` for each level. */
function foreachStack(facts: readonly UIMetadata[]): string | undefined {
  const stack = facts.find((row) => row.field_name === "foreach-stack")?.value;
  return stack === undefined ? undefined : foreachText(stack);
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
