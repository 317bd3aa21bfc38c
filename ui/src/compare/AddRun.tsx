/** A box that takes a run to compare with: its number, or `Flow/number` for one of another flow. */

import { useEffect, useId, useState } from "preact/hooks";

import { fetchRuns, filterValue, suggestRuns, useLoad, type UIRun } from "../api";
import { nameText, type Name } from "./differences";

const RECENT = 8;

interface Props {
  flow: string;
  taken: readonly Name[];
  onAdd: (name: Name) => void;
}

export function readTyped(flow: string, typed: string): Name | undefined {
  const text = typed.trim();
  const slash = text.lastIndexOf("/");
  const name = slash > 0 ? { flow: text.slice(0, slash), run: text.slice(slash + 1) } : { flow, run: text };
  return name.run ? name : undefined;
}

export function AddRun({ flow, taken, onAdd }: Props) {
  const [typed, setTyped] = useState("");
  const suggestions = useSuggestions(flow, typed);
  const id = useId();
  const add = (event: Event): void => {
    event.preventDefault();
    const name = readTyped(flow, typed);
    if (!name) return;
    setTyped("");
    if (!taken.some((other) => nameText(other) === nameText(name))) onAdd(name);
  };
  return (
    <form class="tag-form" onSubmit={add}>
      <input
        class="input"
        aria-label="Run to compare with"
        placeholder="Run, or Flow/run"
        list={id}
        value={typed}
        autocomplete="off"
        onInput={(event) => setTyped(event.currentTarget.value)}
      />
      <datalist id={id}>
        {suggestions.map((run) => (
          <option key={run} value={run} />
        ))}
      </datalist>
      <button type="submit" class="button" disabled={!typed.trim()}>
        Add
      </button>
    </form>
  );
}

/** The newest runs of the flow, and what the backend finds for the text. */
function useSuggestions(flow: string, typed: string): string[] {
  const recent = useLoad(`recent ${flow}`, (signal) =>
    fetchRuns({ flow_id: filterValue(flow), _order: "-ts_epoch", _limit: RECENT }, signal),
  );
  const [found, setFound] = useState<string[]>([]);
  useEffect(() => {
    const controller = new AbortController();
    if (typed && !typed.includes("/"))
      suggestRuns(flow, typed, controller.signal).then(setFound, () => setFound([]));
    return () => controller.abort();
  }, [flow, typed]);
  const numbers = (recent.data?.rows ?? []).map((run: UIRun) => run.run);
  return [...new Set([...numbers, ...found])];
}
