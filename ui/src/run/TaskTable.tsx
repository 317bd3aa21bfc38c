/** The attempts of a run's tasks as a table: ordered, narrowed, and as long as it has to be. */

import { useComputed } from "@preact/signals";
import { useMemo } from "preact/hooks";

import type { UITask } from "../api";
import { Caught, Duration, Empty, Skeleton, Status, Time, VirtualList, formatCount, statusWord, useNarrow } from "../parts";
import { href, query, setQuery } from "../router";
import { useRowKeys } from "../shell";
import type { RunFacts } from "../timeline/after";
import { taskKey, type RunData } from "./runData";
import { readAsked, useArtifactSearch, useSearchScopes, type Found } from "./search";
import { nameOf, orderingTasksBy, readTaskOrder, startOf, tasksToShow, type TaskColumn } from "./tasks";

const ROW_PX = 36;
const NARROW_ROW_PX = 62;
const STATUSES = ["running", "completed", "failed", "pending", "unknown"];

const NONE: ReadonlySet<string> = new Set();

const COLUMNS: [TaskColumn, string][] = [
  ["status", "Status"],
  ["step_name", "Step"],
  ["task_id", "Task"],
  ["attempt_id", "Attempt"],
  ["ts_epoch", "Started"],
  ["duration", "Duration"],
];

export function TaskTable({ data, flow, run }: { data: RunData; flow: string; run: string }) {
  const narrow = useNarrow();
  const scopes = useSearchScopes();
  const found = useArtifactSearch(flow, run, scopes.length > 0 ? readAsked(query.value["q"]) : null, scopes);
  const among = found ? (found.tasks ?? NONE) : undefined;
  const all = data.tasks.value;
  const search = query.value;
  const facts = data.facts.now.value;
  const tasks = useMemo(
    () => tasksToShow(all.values(), search, among, facts.foreach),
    [all, search, among, facts.foreach],
  );
  const steps = useComputed(() => [...data.steps.value.keys()].filter((name) => !name.startsWith("_"))).value;
  const rows = useRowKeys("task", () => tasks.map(taskKey));
  if (!data.complete.value && all.size === 0) return <Skeleton height={320} />;
  const row = (index: number) => {
    const task = tasks[index];
    return task && <TaskRow key={taskKey(task)} task={task} flow={flow} run={run} facts={facts} />;
  };
  return (
    <>
      <div class="toolbar-line task-tools">
        <input
          class="input task-search"
          aria-label="Find a task"
          placeholder={scopes.length > 0 ? "Find a task, or artifact=value" : "Find a task"}
          value={query.value["q"] ?? ""}
          onInput={(event) => setQuery({ q: event.currentTarget.value }, { replace: true })}
        />
        <Choice label="Step" name="step" every="All steps" values={steps} />
        <Choice label="Status" name="status" every="Any status" values={STATUSES} words={statusWord} />
        <span class="soft num" role="status">
          {words(tasks, found)}
        </span>
      </div>
      {tasks.length === 0 ? (
        <Empty title={all.size === 0 ? none(data) : among === NONE ? "Searching …" : "No task matches"}>
          {found?.tasks?.size === 0 && (
            <p>
              <code>name=text</code> finds artifacts and foreach values that hold the text, <code>name="text"</code> those that are it.
            </p>
          )}
        </Empty>
      ) : (
        <div class="table tasks" role="table" aria-label="Tasks" aria-rowcount={tasks.length + 1} ref={rows.table}>
          <Head />
          <VirtualList count={tasks.length} rowHeight={narrow ? NARROW_ROW_PX : ROW_PX} row={row} />
        </div>
      )}
    </>
  );
}

/** What is said where the run has no task: that one may come, only while it may. */
const none = ({ run }: RunData): string => (run.value && run.value.status !== "running" ? "No tasks" : "Nothing yet");

/** Tasks, and how often they were tried. */
function words(rows: readonly UITask[], found: Found | null): string {
  if (found?.error) return found.error;
  if (found && !found.tasks) return `Searching … ${Math.round(found.progress * 100)}%`;
  const tasks = new Set(rows.map(({ task_id }) => task_id)).size;
  const counted = `${formatCount(tasks)} ${tasks === 1 ? "task" : "tasks"}`;
  return tasks === rows.length ? counted : `${counted}, ${formatCount(rows.length)} attempts`;
}

interface ChoiceProps {
  label: string;
  name: string;
  every: string;
  values: readonly string[];
  words?: (value: string) => string;
}

function Choice({ label, name, every, values, words = (value) => value }: ChoiceProps) {
  return (
    <label class="select">
      <span class="unseen">{label}</span>
      <select
        class="input"
        value={query.value[name] ?? ""}
        onChange={(event) => setQuery({ [name]: event.currentTarget.value })}
      >
        <option value="">{every}</option>
        {values.map((value) => (
          <option key={value} value={value}>
            {words(value)}
          </option>
        ))}
      </select>
    </label>
  );
}

function Head() {
  const order = readTaskOrder(query.value);
  return (
    <div class="table-head" role="rowgroup">
      <div class="row" role="row">
        {COLUMNS.map(([column, label]) => {
          const sorted = order.column === column;
          return (
            <span
              key={column}
              class={`cell cell-${column}`}
              role="columnheader"
              aria-sort={sorted ? (order.descending ? "descending" : "ascending") : undefined}
            >
              <button
                type="button"
                class="sort"
                onClick={() => setQuery({ order: orderingTasksBy(query.peek(), column) })}
              >
                {label}
                <span class="sort-mark" aria-hidden="true">
                  {sorted ? (order.descending ? "↓" : "↑") : ""}
                </span>
              </button>
            </span>
          );
        })}
      </div>
    </div>
  );
}

function TaskRow({ task, flow, run, facts }: { task: UITask; flow: string; run: string; facts: RunFacts }) {
  const value = facts.foreach.get(task.task_id);
  const caught = task.status === "completed" && facts.caught.has(task.task_id);
  const running = task.status === "running";
  const address = href([flow, run, task.step_name, task.task_name ?? task.task_id], { attempt: task.attempt_id });
  return (
    <div class="row task-row" role="row" data-key={taskKey(task)}>
      <span class="cell cell-status" role="cell">
        <Status value={task.status} />
        {caught && <Caught />}
      </span>
      <span class="cell cell-step_name" role="cell">
        <span class="cut" title={task.step_name}>
          <bdi>{task.step_name}</bdi>
        </span>
      </span>
      <span class="cell cell-task_id" role="cell">
        <a class="row-link cut" href={address} title={[nameOf(task), value].filter(Boolean).join(" ")}>
          <bdi class="num">{nameOf(task)}</bdi>
          {value && (
            <span class="soft">
              {" "}
              <bdi>{value}</bdi>
            </span>
          )}
        </a>
      </span>
      <span class="cell cell-attempt_id num soft" role="cell">
        {task.attempt_id}
      </span>
      <span class="cell cell-ts_epoch soft" role="cell">
        <Time at={task.status === "pending" ? null : startOf(task)} />
      </span>
      <span class="cell cell-duration" role="cell">
        <Duration ms={task.duration} since={running ? startOf(task) : undefined} />
      </span>
    </div>
  );
}
