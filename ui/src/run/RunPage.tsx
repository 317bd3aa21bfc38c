/** One run: what it is, and the views of it. */

import { useComputed } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { fetchDag, useLoad, type UITask } from "../api";
import { ComparePage } from "../compare/ComparePage";
import { Graph } from "../graph/Graph";
import { Empty, Failure, Skeleton, Tabs, useNow } from "../parts";
import { go, href, query } from "../router";
import { NotFound, useKeys, useTitle } from "../shell";
import { Timeline } from "../timeline/Timeline";
import { RunHeader } from "./RunHeader";
import { useRunData, type RunData } from "./runData";
import { TaskTable } from "./TaskTable";
import { useTransitions } from "./transitions";

export const VIEWS = ["timeline", "dag", "task", "compare"] as const;
export type View = (typeof VIEWS)[number];

const LABELS: Record<View, string> = { timeline: "Timeline", dag: "DAG", task: "Tasks", compare: "Compare" };

interface Props {
  flow: string;
  run: string;
  view: View;
}

export function RunPage({ flow, run, view }: Props) {
  useTitle(`${flow}/${run}`);
  const data = useRunData(flow, run);
  const count = useComputed(() => countTasks(data.tasks.value.values())).value;
  useKeys(
    VIEWS.map((one, index) => ({
      keys: String(index + 1),
      label: `Show ${LABELS[one]}`,
      run: () => go(href([flow, run, "view", one])),
    })),
    [flow, run],
  );

  const error = data.error.value;
  if (error?.notFound && !data.run.value) return <NotFound what="run" />;
  if (error && !data.run.value) return <Failure error={error} what="the run" again={() => void data.load()} />;
  const tabs = VIEWS.map((id) => ({
    id,
    label: LABELS[id],
    href: href([flow, run, "view", id]),
    count: id === "task" && count > 0 ? count : undefined,
  }));
  return (
    <>
      <RunHeader flow={flow} id={run} data={data} />
      <Tabs tabs={tabs} selected={view} label="Views of the run" />
      <div class="run-view">
        {view === "timeline" && <TimelineView data={data} flow={flow} run={run} />}
        {view === "dag" && <DagView data={data} flow={flow} run={run} />}
        {view === "task" && <TaskTable data={data} flow={flow} run={run} />}
        {view === "compare" && <ComparePage flow={flow} run={run} />}
      </div>
    </>
  );
}

/** Tasks, each once however often it was tried, without Metaflow's own. */
function countTasks(attempts: Iterable<UITask>): number {
  const ids = new Set<number>();
  for (const { task_id, step_name } of attempts) if (!step_name.startsWith("_")) ids.add(task_id);
  return ids.size;
}

interface ViewProps {
  data: RunData;
  flow: string;
  run: string;
}

function useRows(data: RunData) {
  const steps = useComputed(() => [...data.steps.value.values()]).value;
  const tasks = useComputed(() => [...data.tasks.value.values()]).value;
  return { steps, tasks };
}

function TimelineView({ data, flow, run }: ViewProps) {
  const { steps, tasks } = useRows(data);
  const running = data.run.value?.status === "running";
  const now = useNow(running);
  if (!data.complete.value && tasks.length === 0) return <Skeleton height={320} />;
  if (tasks.length === 0)
    return running ? (
      <Empty title="Nothing yet">The run has started; its first task will appear here.</Empty>
    ) : (
      <Empty title="No tasks">None began before the run ended or fell silent.</Empty>
    );
  const open = (task: UITask): void =>
    go(href([flow, run, task.step_name, task.task_name ?? task.task_id], { attempt: task.attempt_id }));
  return (
    <Timeline
      steps={steps}
      tasks={tasks}
      facts={data.facts.now.value}
      now={now}
      running={running}
      onOpen={open}
      selectedStep={query.value["step"]}
    />
  );
}

function DagView({ data, flow, run }: ViewProps) {
  const { tasks } = useRows(data);
  const dag = useLoad(`dag ${flow}/${run}`, (signal) => fetchDag(flow, run, signal));
  const started = tasks.length > 0;
  const transitions = useTransitions(flow, run, dag.data, tasks);
  const { again } = dag;
  const missing = dag.error?.notFound === true;
  useEffect(() => {
    if (missing && started) again(); // the graph is stored with the first task
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once, when the first task comes
  }, [started]);
  if (missing)
    return <Empty title="No graph yet">The run has not stored its graph; runs of old clients never do.</Empty>;
  if (dag.error && !dag.data) return <Failure error={dag.error} what="the graph" again={again} />;
  if (!dag.data) return <Skeleton height={320} />;
  return (
    <Graph
      dag={dag.data}
      tasks={tasks}
      transitions={transitions}
      status={data.run.value?.status ?? "running"}
      onStep={(step) => go(href([flow, run, "view", "task"], { step }))}
    />
  );
}
