/** Two or more runs side by side: which rows there are, and in which the runs differ. */

import { joinValues, splitValues, type Parameters, type UIArtifact, type UIRun, type UIStep } from "../api";

/** A run to compare, as an address names it: `Flow/12`. */
export interface Name {
  flow: string;
  run: string;
}

export interface Cell {
  text: string;
  /** What decides whether two cells are the same; the text if absent. */
  same?: string;
}

export interface Row {
  label: string;
  /** One per run; undefined where a run has no such thing. */
  cells: (Cell | undefined)[];
  differs: boolean;
}

/** The others in `with=Flow/1,Flow/2`. Names are in the order given, each once, and never the first run itself. */
export function readNames(first: Name, text: string | undefined): Name[] {
  const names = new Map<string, Name>([[nameText(first), first]]);
  for (const part of splitValues(text)) {
    const slash = part.lastIndexOf("/");
    if (slash <= 0 || slash === part.length - 1) continue;
    names.set(part, { flow: part.slice(0, slash), run: part.slice(slash + 1) });
  }
  return [...names.values()];
}

export const nameText = ({ flow, run }: Name): string => `${flow}/${run}`;
export const writeNames = (others: readonly Name[]): string => joinValues(others.map(nameText));

/** `known` says which runs could be read at all: of the others it cannot be told whether they differ. */
export function row(label: string, cells: (Cell | undefined)[], known = cells.map(Boolean)): Row {
  const [first, ...others] = cells.filter((_, index) => known[index]).map((cell) => cell && (cell.same ?? cell.text));
  return { label, cells, differs: others.some((other) => other !== first) };
}

/** One row per name that any of the runs has, in the order in which the names first come up. */
export function rowsOf(columns: readonly (ReadonlyMap<string, Cell> | undefined)[]): Row[] {
  const names = new Set(columns.flatMap((column) => [...(column?.keys() ?? [])]));
  const known = columns.map(Boolean);
  return [...names].map((name) => row(name, columns.map((column) => column?.get(name)), known));
}

export function parameterCells(parameters: Parameters): Map<string, Cell> {
  return new Map(Object.entries(parameters).map(([name, { text, same }]) => [name, { text, same }]));
}

export function tagCell(run: UIRun): Cell {
  return { text: [...(run.tags ?? [])].sort().join(", ") };
}

/** Artifacts of one task (the first of the step, in its last attempt). The same content has the same hash.
 *  Parameters are artifacts too, but have rows of their own; `name` is the flow's. */
export function artifactCells(artifacts: readonly UIArtifact[], parameters: Parameters = {}): Map<string, Cell> {
  const task = artifacts.reduce((least, { task_id }) => Math.min(least, task_id), Infinity);
  const own = artifacts.filter((one) => one.task_id === task && !one.name.startsWith("_") && one.name !== "name" && !(one.name in parameters));
  const attempt = own.reduce((most, { attempt_id }) => Math.max(most, attempt_id), 0);
  return new Map(
    own
      .filter((one) => one.attempt_id === attempt)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((one) => [one.name, { text: one.content ?? missing(one), same: one.sha }]),
  );
}

const missing = (artifact: UIArtifact): string =>
  artifact.postprocess_error?.id === "artifact-too-large" ? `too large to show (${artifact.sha.slice(0, 8)})` : artifact.sha.slice(0, 8);

/** Durations per step, in ms. */
export function stepDurations(steps: readonly UIStep[]): Map<string, number | null> {
  return new Map(steps.filter(({ step_name }) => !step_name.startsWith("_")).map((step) => [step.step_name, step.duration]));
}

/** The step that ended the first run that went well, whatever it is called; else the one that began last in any. */
export function lastStep(columns: readonly { run: UIRun | undefined; steps: UIStep[] | undefined }[]): string | undefined {
  const lasts = columns.map(({ steps }) => {
    const own = (steps ?? []).filter(({ step_name }) => !step_name.startsWith("_"));
    return own.sort((one, other) => other.ts_epoch - one.ts_epoch)[0]?.step_name;
  });
  const well = columns.findIndex(({ run }, n) => run?.status === "completed" && lasts[n] !== undefined);
  return well >= 0 ? lasts[well] : lasts.find((last) => last !== undefined);
}
