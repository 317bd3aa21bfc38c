/** Finding tasks by their artifacts and foreach variables: the backend reads them and tells which match. */

import { useEffect, useState } from "preact/hooks";

import { fetchFeatures, runPath, searchAddress, useLoad } from "../api";

const PAUSE_MS = 400; // of typing, before the backend is set to work

export interface Asked {
  key: string;
  value: string;
}

/** `score=0.5` asks for artifacts; any other text is part of a task's name. */
export function readAsked(text: string | undefined): Asked | null {
  const [, key, value] = /^\s*([A-Za-z_]\w*)\s*=\s*(.*?)\s*$/.exec(text ?? "") ?? [];
  return key === undefined ? null : { key, value: value ?? "" };
}

export interface Found {
  /** Ids of the tasks that match; null while it is not known. */
  tasks: ReadonlySet<string> | null;
  /** Between 0 and 1. */
  progress: number;
  error: string;
}

interface Message {
  event?: {
    type?: string;
    fraction?: number;
    message?: string;
    matches?: { task_id: string; searchable: boolean }[] | null;
  };
}

/** What has been found after one more message. A search in two scopes gives two results. */
export function withMessage(old: Found, { event }: Message): Found {
  if (event?.type === "progress") return { ...old, progress: event.fraction ?? old.progress };
  if (event?.type === "error") return { ...old, error: event.message ?? "The search failed." };
  if (event?.type !== "result") return old;
  const tasks = new Set(old.tasks);
  for (const { task_id, searchable } of event.matches ?? []) if (searchable) tasks.add(task_id);
  return { ...old, tasks, progress: 1 };
}

export const NOTHING_YET: Found = { tasks: null, progress: 0, error: "" };

/** Which searches the backend offers. */
export function useSearchScopes(): string[] {
  const features = useLoad("features", fetchFeatures).data;
  return [
    ...(features?.["FEATURE_ARTIFACT_SEARCH"] ? ["ARTIFACT"] : []),
    ...(features?.["FEATURE_FOREACH_VAR_SEARCH"] ? ["FOREACH_VARIABLE"] : []),
  ];
}

export function useArtifactSearch(flow: string, run: string, asked: Asked | null, scopes: readonly string[]): Found | null {
  const [found, setFound] = useState<Found>(NOTHING_YET);
  const scope = scopes.join(",");
  const { key, value } = asked ?? { key: "", value: "" };
  const wanted = key !== "" && scope !== "";
  useEffect(() => {
    setFound(NOTHING_YET);
    if (!wanted) return;
    let socket: WebSocket | undefined;
    const timer = setTimeout(() => {
      socket = new WebSocket(searchAddress(runPath(flow, run), { key, value, scope }));
      socket.onmessage = ({ data }) => setFound((old) => withMessage(old, JSON.parse(String(data)) as Message));
      socket.onerror = () => setFound((old) => ({ ...old, error: "The search could not be made." }));
      socket.onclose = () => setFound((old) => ({ ...old, tasks: old.tasks ?? new Set() }));
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      if (!socket) return;
      socket.onmessage = socket.onerror = socket.onclose = null;
      socket.close();
    };
  }, [wanted, flow, run, key, value, scope]);
  return wanted ? found : null;
}
