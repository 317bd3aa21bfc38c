/** Where the tasks of switches went on to: which of a switch's edges were taken. */

import { useEffect } from "preact/hooks";

import { fetchRunArtifacts, joinValues, useLoad, type Dag, type UIArtifact, type UITask } from "../api";

export type Transitions = ReadonlyMap<string, ReadonlySet<string>>;

const NONE: Transitions = new Map();

/** Steps that were gone on to, by the switch that chose them. */
export function useTransitions(flow: string, run: string, dag: Dag | null | undefined, tasks: readonly UITask[]): Transitions {
  const switches = Object.entries(dag?.steps ?? {}).flatMap(([name, step]) => (step.type === "split-switch" ? [name] : []));
  const done = tasks.filter(({ step_name, status }) => status === "completed" && switches.includes(step_name)).length;
  const key = JSON.stringify(["transitions", flow, run, switches]);
  const found = useLoad(done > 0 ? key : null, (signal) => ask(flow, run, switches, signal));
  const { again } = found;
  // An attempt's artifacts come after the first word of its end, and before anything of the next step.
  const reached = new Set(tasks.map(({ step_name }) => step_name)).size;
  useEffect(() => {
    if (done > 0) again(); // what is known stays until more is
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once for each task that ends, and each step that is reached
  }, [done, reached]);
  return found.data ?? NONE;
}

async function ask(flow: string, run: string, switches: readonly string[], signal: AbortSignal): Promise<Transitions> {
  const query = { name: "_transition", step_name: joinValues(switches), postprocess: true };
  return readTransitions(await fetchRunArtifacts(flow, run, query, signal));
}

/** Out of values such as `(['train'], None)`. */
export function readTransitions(rows: readonly Pick<UIArtifact, "step_name" | "content">[]): Transitions {
  const taken = new Map<string, Set<string>>();
  for (const { step_name: from, content } of rows) {
    const list = /^\(\[([^\]]*)\]/.exec(content ?? "")?.[1] ?? "";
    const steps = taken.get(from) ?? new Set<string>();
    for (const [, name] of list.matchAll(/'([^']+)'/g)) steps.add(name!);
    taken.set(from, steps);
  }
  return taken;
}
