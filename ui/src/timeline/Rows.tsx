/** One row of the timeline: a step, or a task with its attempts. */

import { Component } from "preact";

import type { UITask } from "../api";
import { Caught, formatCount, formatDuration, formatFullTime, StatusIcon, statusWord } from "../parts";
import { href } from "../router";
import { lasted, type Row, type Segment, type StepBar, type TaskBar } from "./rows";
import { place, type Span } from "./scale";

export interface RowProps {
  row: Row;
  id: string;
  span: Span;
  now: number;
  height: number;
  active: boolean;
  marked: boolean;
  /** The value that a foreach gave the task. */
  note: string | undefined;
  /** Its exception was caught. */
  caught: boolean;
  /** When its cards were made, if that was after its end. */
  until: number | undefined;
}

/** Drawn again only if something of it has changed: scrolling moves rows, and must not cost more than that. */
export class TimelineRow extends Component<RowProps> {
  override shouldComponentUpdate(next: RowProps): boolean {
    return (Object.keys(next) as (keyof RowProps)[]).some((key) => next[key] !== this.props[key]);
  }

  render() {
    return <Drawn {...this.props} />;
  }
}

function Drawn({ row, id, span, now, height, active, marked, note, caught, until }: RowProps) {
  const kind = row.kind === "step" ? "is-step" : row.alone ? "is-step is-alone" : "is-task";
  const open = row.kind === "step" && row.step.tasks.length > 0 ? row.open : undefined;
  return (
    <div
      id={id}
      role="treeitem"
      class={`timeline-row ${kind}${active ? " is-active" : ""}${marked ? " is-marked" : ""}`}
      style={{ height: `${height}px` }}
      aria-level={kind === "is-task" ? 2 : 1}
      aria-expanded={open}
      aria-selected={active}
      data-key={row.key}
    >
      <span class="timeline-label">{row.kind === "step" ? <StepLabel step={row.step} open={row.open} /> : <TaskLabel row={row} note={note} caught={caught} />}</span>
      <span class="unseen">, {inWords(row)}, </span>
      <span class="timeline-time">
        {row.kind === "step" ? (
          <StepLine step={row.step} span={span} now={now} />
        ) : (
          row.task.segments.map((segment) => <SegmentBar key={segment.attempt.attempt_id} segment={segment} span={span} now={now} />)
        )}
        {row.kind === "task" && until !== undefined && <AfterBar task={row.task} until={until} span={span} />}
      </span>
      <span class="timeline-lasted num">{row.kind === "step" ? formatDuration(stepLasted(row.step, now)) : row.task.status === "pending" ? "–" : formatDuration(lasted(row.task, now))}</span>
    </div>
  );
}

function StepLabel({ step, open }: { step: StepBar; open: boolean }) {
  const { tasks, counts, status } = step;
  return (
    <>
      <svg class={`timeline-caret${open ? " is-open" : ""}`} width="10" height="10" viewBox="0 0 10 10" aria-hidden="true">
        <path d="M3 1.5L7 5 3 8.5z" fill="currentColor" />
      </svg>
      {tasks.length > 0 ? <StatusIcon value={status} size={15} /> : <StatusIcon value="pending" size={15} />}
      <bdi class="timeline-name" title={step.name}>
        {step.name}
      </bdi>
      {tasks.length > 1 && (
        <span class="timeline-count num">
          {formatCount(counts.completed)}/{formatCount(tasks.length)}
        </span>
      )}
    </>
  );
}

interface TaskLabelProps {
  row: Extract<Row, { kind: "task" }>;
  note: string | undefined;
  caught: boolean;
}

function TaskLabel({ row, note, caught }: TaskLabelProps) {
  const { task, alone, step } = row;
  const attempts = task.segments.length;
  return (
    <>
      {alone && <span class="timeline-caret" />}
      <StatusIcon value={task.status} size={15} />
      <a class="timeline-name" href={taskHref(task.task)} tabIndex={-1} title={[alone ? step.name : task.label, note].filter(Boolean).join(" ")}>
        <bdi>{alone ? step.name : task.label}</bdi>
        {note && (
          <span class="soft">
            {" "}
            <bdi>{note}</bdi>
          </span>
        )}
      </a>
      {caught && task.status === "completed" && <Caught />}
      {attempts > 1 && (
        <span class="timeline-count num" title={`${attempts} attempts`}>
          ↻{attempts}
        </span>
      )}
    </>
  );
}

export function taskHref(task: UITask): string {
  return href([task.flow_id, task.run_id ?? task.run_number, task.step_name, task.task_name ?? task.task_id]);
}

function SegmentBar({ segment, span, now }: { segment: Segment; span: Span; now: number }) {
  const end = segment.end ?? Math.max(now, segment.start);
  if (end < span.start || segment.asked > span.end) return null;
  const pending = segment.status === "pending";
  const waited = segment.start > segment.asked;
  return (
    <>
      {waited && !pending && <span class="timeline-wait" style={box(segment.asked, segment.start, span)} />}
      <span class={`timeline-bar is-${segment.status}`} style={box(pending ? segment.asked : segment.start, end, span)} />
    </>
  );
}

/** From the end of a task's code to when its cards were made. */
function AfterBar({ task, until, span }: { task: TaskBar; until: number; span: Span }) {
  const end = task.segments[task.segments.length - 1]!.end;
  if (end === null || until < span.start || end > span.end) return null;
  return <span class="timeline-after" style={box(end, until, span)} />;
}

function StepLine({ step, span, now }: { step: StepBar; span: Span; now: number }) {
  if (!step.tasks.length) return null;
  const end = step.end ?? now;
  if (end < span.start || step.start > span.end) return null;
  return <span class={`timeline-step-bar is-${step.status}`} style={box(step.start, end, span)} />;
}

/** Cut off at the edges, so that no element is millions of pixels wide when a long run is zoomed in on. */
function box(start: number, end: number, span: Span): { left: string; width: string } {
  const left = Math.max(place(start, span), -0.01);
  const right = Math.min(place(end, span), 1.01);
  return { left: `${(left * 100).toFixed(4)}%`, width: `${(Math.max(0, right - left) * 100).toFixed(4)}%` };
}

export function stepLasted(step: StepBar, now: number): number {
  return Math.max(0, (step.end ?? now) - step.start);
}

/** The status in words, for those who see neither colours nor shapes. */
function inWords(row: Row): string {
  if (row.kind === "step") {
    const counts = Object.entries(row.step.counts).filter(([, count]) => count > 0);
    return counts.map(([status, count]) => `${count} ${statusWord(status).toLowerCase()}`).join(", ") || "no tasks yet";
  }
  const attempts = row.task.segments.length;
  return `${statusWord(row.task.status).toLowerCase()}${attempts > 1 ? `, ${attempts} attempts` : ""}`;
}

/** What the pointer or the keys rest on, in full. */
export function Details({ row, now, note, until }: { row: Row; now: number; note: string | undefined; until: number | undefined }) {
  if (row.kind === "step") {
    const { step } = row;
    return (
      <>
        <Heading name={step.name} />
        {Object.entries(step.counts).map(([status, count]) =>
          count > 0 ? (
            <p key={status} class={`timeline-detail is-${status}`}>
              <StatusIcon value={status} size={14} /> {formatCount(count)} {statusWord(status).toLowerCase()}
            </p>
          ) : null,
        )}
        <p class="soft num">
          {formatFullTime(step.start)} · {formatDuration(stepLasted(step, now))}
        </p>
      </>
    );
  }
  return (
    <>
      <Heading name={`${row.step.name}/${row.task.label}`} />
      {row.task.segments.map((segment) => (
        <Attempt key={segment.attempt.attempt_id} segment={segment} now={now} many={row.task.segments.length > 1} />
      ))}
      {note && (
        <p class="soft">
          <bdi>{note}</bdi>
        </p>
      )}
      <Waited task={row.task} />
      {until !== undefined && <After task={row.task} until={until} />}
    </>
  );
}

function Heading({ name }: { name: string }) {
  return (
    <p class="timeline-detail-name">
      <bdi>{name}</bdi>
    </p>
  );
}

function Attempt({ segment, now, many }: { segment: Segment; now: number; many: boolean }) {
  const { status, start, end, attempt } = segment;
  return (
    <p class={`timeline-detail is-${status}`}>
      <StatusIcon value={status} size={14} /> {many ? `Attempt ${attempt.attempt_id}: ` : ""}
      {statusWord(status)}
      <span class="soft num">
        {" "}
        {formatFullTime(start).slice(11)} · {formatDuration((end ?? now) - start)}
      </span>
    </p>
  );
}

function Waited({ task }: { task: TaskBar }) {
  const first = task.segments[0]!;
  const waited = first.start - first.asked;
  return waited > 100 ? <p class="soft">Waited {formatDuration(waited)} to start</p> : null;
}

function After({ task, until }: { task: TaskBar; until: number }) {
  const end = task.segments[task.segments.length - 1]!.end;
  return end === null ? null : <p class="soft">Then its cards were made: {formatDuration(until - end)}</p>;
}
