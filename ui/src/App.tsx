/** Which view an address leads to. */

import { useEffect } from "preact/hooks";

import { filterValue } from "./api";
import { go, href, place } from "./router";
import { RunPage, VIEWS } from "./run/RunPage";
import { RunsPage } from "./runs/RunsPage";
import { NotFound, Shell } from "./shell";
import { StackPage } from "./stack/StackPage";
import { StartGuide } from "./start/StartGuide";
import { TaskPage } from "./task/TaskPage";

export function App() {
  return (
    <Shell>
      <View />
    </Shell>
  );
}

function View() {
  const { parts, query } = place.value;
  const [flow, run, third, fourth, ...rest] = parts;
  if (flow === undefined) return <RunsPage />;
  if (flow === "-") {
    if (run === "stack") return <StackPage />;
    if (run === "start") return <StartGuide empty={false} />;
    return <NotFound />;
  }
  if (run === undefined) return <OfFlow flow={flow} />;
  // A step may be called "view" as well; its tasks are not called as our views are.
  const view = third === "view" ? VIEWS.find((one) => one === fourth) : third === undefined ? "timeline" : undefined;
  if (view && rest.length === 0) return <RunPage key={`${flow}/${run}`} flow={flow} run={run} view={view} />;
  if (third === undefined || fourth === undefined || rest.length > 0) return <NotFound />;
  const attempt = /^\d+$/.test(query["attempt"] ?? "") ? Number(query["attempt"]) : undefined;
  return <TaskPage flow={flow} run={run} step={third} task={fourth} attempt={attempt} />;
}

/** A flow alone has no view of its own: it is a filter of the runs. */
function OfFlow({ flow }: { flow: string }) {
  useEffect(() => go(href([], { flow_id: filterValue(flow) }), { replace: true }), [flow]);
  return null;
}
