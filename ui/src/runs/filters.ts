/** The filters, order and grouping of the runs, and the query that holds them. Names are those of the API. */

import { joinValues, splitValues as split, type Query } from "../api";

type Search = Readonly<Record<string, string>>;
type Changes = Record<string, string | undefined>;

/** What one may filter by. `flow-like` is part of a flow's name. */
export type Field = "flow" | "flow-like" | "run" | "user" | "tag" | "project" | "branch";

export interface Filter {
  field: Field;
  value: string;
}

export type GroupBy = "flow_id" | "user";

export interface Order {
  column: string;
  descending: boolean;
}

export const DEFAULT_ORDER: Order = { column: "ts_epoch", descending: true };
export const STATUSES = ["running", "completed", "failed"] as const;

const KEYS: Record<Exclude<Field, "tag" | "project" | "branch">, string> = {
  flow: "flow_id",
  "flow-like": "flow_id:co",
  run: "run",
  user: "user",
};
const TAG_PREFIXES = { project: "project:", branch: "project_branch:" } as const;
const SHOWN_ELSEWHERE = ["status", "ts_epoch:ge", "ts_epoch:le"];
/** Everything in the query that narrows the list; other names in it belong to other views. */
const NARROWING = [...Object.values(KEYS), "_tags", ...SHOWN_ELSEWHERE];

export function readFilters(search: Search): Filter[] {
  const filters: Filter[] = [];
  for (const [field, key] of Object.entries(KEYS)) {
    for (const value of split(search[key])) filters.push({ field: field as Field, value });
  }
  for (const tag of split(search["_tags"])) filters.push(ofTag(tag));
  return filters;
}

/** `project:x` is shown as a project, any other tag as itself. */
function ofTag(tag: string): Filter {
  for (const [field, prefix] of Object.entries(TAG_PREFIXES)) {
    if (tag.startsWith(prefix)) return { field: field as Field, value: tag.slice(prefix.length) };
  }
  return { field: "tag", value: tag };
}

function whereOf({ field, value }: Filter): [key: string, value: string] {
  if (field === "tag") return ["_tags", value];
  if (field === "project" || field === "branch") return ["_tags", TAG_PREFIXES[field] + value];
  return [KEYS[field], value];
}

/** The change of the query that adds a filter. */
export function adding(search: Search, filter: Filter): Changes {
  const [key, value] = whereOf(filter);
  if (!value) return {};
  return { [key]: joinValues([...new Set([...split(search[key]), value])]) };
}

export function removing(search: Search, filter: Filter): Changes {
  const [key, value] = whereOf(filter);
  return { [key]: joinValues(split(search[key]).filter((other) => other !== value)) };
}

export const clearing = (): Changes => Object.fromEntries(NARROWING.map((key) => [key, undefined]));

export const narrows = (search: Search): boolean => NARROWING.some((key) => Boolean(search[key]));

export const readStatuses = (search: Search): string[] => split(search["status"]);

export function togglingStatus(search: Search, status: string): Changes {
  const old = readStatuses(search);
  const next = old.includes(status) ? old.filter((other) => other !== status) : [...old, status];
  return { status: next.length === STATUSES.length ? undefined : next.join(",") };
}

export function readOrder(search: Search): Order {
  const text = split(search["_order"])[0];
  if (!text) return DEFAULT_ORDER;
  return { column: text.replace(/^[+-]/, ""), descending: !text.startsWith("+") };
}

/** A click on a column's head: the other way round if it is the order already. Text starts at A, numbers at the top. */
export function orderingBy(search: Search, column: string, text: boolean): Changes {
  const old = readOrder(search);
  const descending = old.column === column ? !old.descending : !text;
  const isDefault = column === DEFAULT_ORDER.column && descending;
  return { _order: isDefault ? undefined : `${descending ? "-" : "+"}${column}` };
}

export function readGroup(search: Search): GroupBy | undefined {
  const by = search["_group"];
  return by === "flow_id" || by === "user" ? by : undefined;
}

/** What to ask the API for, but for the page. */
export function apiQuery(search: Search): Query {
  const query: Query = {};
  for (const key of NARROWING) if (search[key]) query[key] = search[key];
  const { column, descending } = readOrder(search);
  query["_order"] = `${descending ? "-" : "+"}${column}`;
  return query;
}

/** What to listen to. Without the status: a run that leaves it has to be heard of too. */
export function liveQuery(search: Search): Query {
  const query: Query = {};
  for (const key of NARROWING) if (search[key] && key !== "status") query[key] = search[key];
  return query;
}
