/** The questions that views ask, by name. */

import { at, everyPage, json, list, one, readWith, send, withQuery, type Page, type Query } from "./client";
import { filterValue } from "./filterValues";
import { apiAddress, liveSearchAddress, metadataServiceAddress } from "./places";
import type {
  Card,
  CardData,
  Dag,
  LogLine,
  Parameters,
  QuickLink,
  StackInfo,
  UIArtifact,
  UIMetadata,
  UIRun,
  UIStep,
  UITask,
} from "./types";

const LARGEST_PAGE = 1000; // what the backend gives at most

export const runPath = (flow: string, run: string): string => at("flows", flow, "runs", run);
export const taskPath = (flow: string, run: string, step: string, task: string): string =>
  runPath(flow, run) + at("steps", step, "tasks", task);

export const fetchRuns = (query: Query, signal?: AbortSignal): Promise<Page<UIRun>> => list("/runs", query, signal);

export const fetchRun = (flow: string, run: string, signal?: AbortSignal): Promise<UIRun> =>
  one(runPath(flow, run), {}, signal);

export const fetchParameters = async (flow: string, run: string, signal?: AbortSignal): Promise<Parameters> => {
  const { readParameters } = await import("./exact");
  return readWith(readParameters, `${runPath(flow, run)}/parameters`, {}, signal);
};

export const fetchDag = (flow: string, run: string, signal?: AbortSignal): Promise<Dag> =>
  one(`${runPath(flow, run)}/dag`, {}, signal);

export const fetchSteps = (
  flow: string,
  run: string,
  signal?: AbortSignal,
  onPage?: (rows: UIStep[]) => void,
): Promise<UIStep[]> =>
  everyPage(`${runPath(flow, run)}/steps`, { _order: "+ts_epoch", _limit: LARGEST_PAGE }, signal, onPage);

export const fetchTasks = (
  flow: string,
  run: string,
  signal?: AbortSignal,
  onPage?: (rows: UITask[]) => void,
): Promise<UITask[]> =>
  everyPage(
    `${runPath(flow, run)}/tasks`,
    { _order: "+ts_epoch", _limit: LARGEST_PAGE, postprocess: false },
    signal,
    onPage,
  );

/** All attempts of the tasks with these ids. */
export const fetchTheseTasks = (flow: string, run: string, ids: readonly number[], signal?: AbortSignal): Promise<UITask[]> =>
  everyPage(`${runPath(flow, run)}/tasks`, { task_id: ids.join(","), _limit: LARGEST_PAGE, postprocess: false }, signal);

export const fetchRunMetadata = (flow: string, run: string, query: Query, signal?: AbortSignal): Promise<Page<UIMetadata>> =>
  list(`${runPath(flow, run)}/metadata`, { _limit: LARGEST_PAGE, ...query }, signal);

export const fetchRunArtifacts = (flow: string, run: string, query: Query, signal?: AbortSignal): Promise<UIArtifact[]> =>
  everyPage(`${runPath(flow, run)}/artifacts`, { _limit: LARGEST_PAGE, ...query }, signal);

/** Artifacts of all tasks of a step, with their values. */
export const fetchStepArtifacts = (
  flow: string,
  run: string,
  step: string,
  signal?: AbortSignal,
): Promise<Page<UIArtifact>> =>
  list(`${runPath(flow, run)}${at("steps", step)}/artifacts`, { postprocess: true, _limit: 200 }, signal);

/** All attempts of one task, the newest first. */
export const fetchAttempts = (
  flow: string,
  run: string,
  step: string,
  task: string,
  signal?: AbortSignal,
): Promise<UITask[]> => everyPage(`${taskPath(flow, run, step, task)}/attempts`, { postprocess: true, _limit: 100 }, signal);

export const fetchTaskMetadata = (
  flow: string,
  run: string,
  step: string,
  task: string,
  query: Query,
  signal?: AbortSignal,
): Promise<UIMetadata[]> => everyPage(`${taskPath(flow, run, step, task)}/metadata`, { _limit: 100, ...query }, signal);

export const fetchTaskArtifacts = (
  flow: string,
  run: string,
  step: string,
  task: string,
  query: Query,
  signal?: AbortSignal,
): Promise<UIArtifact[]> =>
  everyPage(`${taskPath(flow, run, step, task)}/artifacts`, { postprocess: true, _limit: 50, ...query }, signal);

export const fetchLogs = (
  flow: string,
  run: string,
  step: string,
  task: string,
  stream: "out" | "err",
  query: Query,
  signal?: AbortSignal,
): Promise<Page<LogLine>> => list(`${taskPath(flow, run, step, task)}/logs/${stream}`, query, signal);

export const logDownloadAddress = (
  flow: string,
  run: string,
  step: string,
  task: string,
  stream: "out" | "err",
  attempt: number,
): string => `${apiAddress()}${taskPath(flow, run, step, task)}/logs/${stream}/download?attempt_id=${attempt}`;

export const fetchCards = (
  flow: string,
  run: string,
  step: string,
  task: string,
  query: Query,
  signal?: AbortSignal,
): Promise<Page<Card>> => list(`${taskPath(flow, run, step, task)}/cards`, query, signal);

export const cardAddress = (flow: string, run: string, step: string, task: string, hash: string): string =>
  `${apiAddress()}${taskPath(flow, run, step, task)}${at("cards", hash)}`;

export const fetchCardData = async (
  flow: string,
  run: string,
  step: string,
  task: string,
  hash: string,
  query: Query,
  signal?: AbortSignal,
): Promise<CardData> =>
  ((await json(`${taskPath(flow, run, step, task)}${at("cards", hash, "data")}`, query, signal)) as { data: CardData }).data;

/** Suggestions for a filter box. */
export const suggestFlows = async (part: string, signal?: AbortSignal): Promise<string[]> =>
  (await list<string>("/flows/autocomplete", { _limit: 8, "flow_id:co": filterValue(part) }, signal)).rows;

export const suggestTags = async (part: string, signal?: AbortSignal): Promise<string[]> =>
  (await list<string>("/tags/autocomplete", { _limit: 8, "tag:co": filterValue(part) }, signal)).rows;

/** Values of tags like `user:ann`, without their prefix. The backend anchors the expression at the start. */
export const suggestTagValues = async (prefix: string, part: string, signal?: AbortSignal): Promise<string[]> => {
  const pattern = `${prefix}:.*${part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`;
  const found = await list<string>("/tags/autocomplete", { _limit: 8, "tag:re": filterValue(pattern) }, signal);
  return found.rows.map((tag) => tag.slice(prefix.length + 1));
};

export const suggestRuns = async (flow: string, part: string, signal?: AbortSignal): Promise<string[]> =>
  (await list<string>(`${at("flows", flow, "runs")}/autocomplete`, { _limit: 8, "run:co": filterValue(part) }, signal)).rows;

/** Of the WebSocket that searches the artifacts of a run. */
export const searchAddress = (path: string, query: Query): string => liveSearchAddress() + withQuery(path, query);

/** Links that whoever runs the backend wants to be found. */
export const fetchLinks = async (signal?: AbortSignal): Promise<QuickLink[]> =>
  (await json("/links", {}, signal)) as QuickLink[];

export const fetchFeatures = async (signal?: AbortSignal): Promise<Record<string, boolean>> =>
  (await json("/features", {}, signal)) as Record<string, boolean>;

/** The stack behind this page. An ApiError with status 404 says that an official backend answers. */
export const fetchStack = async (signal?: AbortSignal): Promise<StackInfo> =>
  (await json("/stack", {}, signal)) as StackInfo;

export const fetchStackLog = async (program: string, lines: number, signal?: AbortSignal): Promise<string[]> =>
  ((await json(`/stack/logs${at(program)}`, { lines }, signal)) as { lines: string[] | null }).lines ?? [];

/** Adds and removes tags of a run, through the metadata service. Returns the tags that it then has. */
export async function mutateTags(flow: string, run: string, add: string[], remove: string[]): Promise<string[]> {
  const response = await send(`${metadataServiceAddress()}${runPath(flow, run)}/tag/mutate`, {
    method: "PATCH",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ tags_to_add: add, tags_to_remove: remove }),
  });
  return ((await response.json()) as { tags: string[] }).tags;
}
