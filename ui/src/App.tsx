/** Which view an address leads to. */

import { place } from "./router";
import { RunsPage } from "./runs/RunsPage";
import { NotFound, Shell } from "./shell";
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
  const [flow, run, third, fourth] = parts;
  if (flow === undefined) return <RunsPage />;
  if (run !== undefined && third !== undefined && fourth !== undefined && third !== "view" && parts.length === 4) {
    const attempt = query["attempt"] === undefined ? undefined : Number(query["attempt"]);
    return <TaskPage flow={flow} run={run} step={third} task={fourth} attempt={attempt} />;
  }
  return <NotFound />;
}
