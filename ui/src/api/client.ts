/** Requests to the UI backend: addresses, envelopes, paging, errors, and whether anything answers at all. */

import { apiAddress } from "./places";
import { answered, unanswered } from "./reach";

export type Query = Record<string, string | number | boolean | null | undefined>;

/** What went wrong with a request. `status` is 0 if nothing answered. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly status: number,
    readonly id: string,
    readonly detail: string,
  ) {
    super(detail || id);
  }

  get notFound(): boolean {
    return this.status === 404;
  }

  /** Nothing answered, or a proxy said that nothing does: worth trying again. */
  get unreachable(): boolean {
    return this.status === 0 || (this.status >= 502 && this.status <= 504);
  }
}

/** Whatever was thrown, as an ApiError. */
export const asApiError = (reason: unknown): ApiError =>
  reason instanceof ApiError ? reason : new ApiError(-1, "page-fault", String(reason));

export interface Page<T> {
  rows: T[];
  /** Of a log: nothing will be added to it. */
  whole?: boolean;
  /** The number of the next page, or null if this is the last. */
  next: number | null;
  last: number | null;
}

/** A path of the API from its parts, each of which may hold anything. */
export function at(...parts: (string | number)[]): string {
  return parts.map((part) => `/${encodeURIComponent(String(part))}`).join("");
}

export function withQuery(path: string, query: Query = {}): string {
  const text = Object.entries(query)
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([key, value]) => `${encodeName(key)}=${encodeURIComponent(String(value))}`)
    .join("&");
  return text ? `${path}?${text}` : path;
}

// `ts_epoch:ge` reads better with its colon, and the colon is legal there.
const encodeName = (name: string): string => encodeURIComponent(name).replace(/%3A/g, ":");

export async function list<T>(path: string, query?: Query, signal?: AbortSignal): Promise<Page<T>> {
  const body = (await json(path, query, signal)) as {
    data?: T[] | null;
    pages?: { next?: number | null; last?: number | null };
    whole?: boolean;
  };
  const page = { rows: body.data ?? [], next: body.pages?.next ?? null, last: body.pages?.last ?? null };
  return body.whole === undefined ? page : { ...page, whole: body.whole };
}

export async function one<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> {
  return ((await json(path, query, signal)) as { data: T }).data;
}

/** All pages, one after the other; `onPage` sees each as it comes, for views that fill up. */
export async function everyPage<T>(
  path: string,
  query: Query,
  signal?: AbortSignal,
  onPage?: (rows: T[]) => void,
): Promise<T[]> {
  const rows: T[] = [];
  let page: number | null = 1;
  while (page !== null) {
    const answer: Page<T> = await list<T>(path, page === 1 ? query : { ...query, _page: page }, signal);
    rows.push(...answer.rows);
    onPage?.(answer.rows);
    page = answer.next;
  }
  return rows;
}

export async function json(path: string, query?: Query, signal?: AbortSignal): Promise<unknown> {
  return readWith<unknown>(JSON.parse, path, query, signal);
}

/** What `parse` makes of an answer's text. */
export async function readWith<T>(
  parse: (text: string) => T,
  path: string,
  query?: Query,
  signal?: AbortSignal,
): Promise<T> {
  const response = await send(apiAddress() + withQuery(path, query), signal ? { signal } : {});
  const text = await response.text();
  try {
    return parse(text);
  } catch {
    throw new ApiError(response.status, "not-json", "The backend's answer could not be read.");
  }
}

/** A request whose failure is always an ApiError (or the AbortError of its own signal). */
export async function send(address: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(address, init);
  } catch (reason) {
    if (init.signal?.aborted) throw reason;
    unanswered();
    throw new ApiError(0, "unreachable", "The backend does not answer.");
  }
  if (response.status >= 502 && response.status <= 504) {
    unanswered();
    throw new ApiError(response.status, "unreachable", "The backend does not answer.");
  }
  answered(response.headers.get("Date"));
  if (!response.ok) throw await failure(response);
  return response;
}

async function failure(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => "");
  const { id, detail } = explain(text);
  return new ApiError(response.status, id || `http-${response.status}`, detail || response.statusText);
}

/** The words in an error's body: a problem object, an envelope, JSON within JSON, or plain text. */
export function explain(body: string): { id: string; detail: string } {
  let value: unknown = body;
  for (let depth = 0; depth < 3 && typeof value === "string"; depth++) {
    try {
      value = JSON.parse(value);
    } catch {
      break;
    }
  }
  if (typeof value === "string") return { id: "", detail: value.slice(0, 500) };
  if (typeof value !== "object" || value === null) return { id: "", detail: "" };
  const problem = value as Record<string, unknown>;
  if (typeof problem["detail"] === "string") return { id: text(problem["id"]), detail: problem["detail"] };
  if (typeof problem["data"] === "string") return explain(problem["data"]);
  const database = (problem["err_msg"] as { pgerror?: unknown } | undefined)?.pgerror;
  return { id: "", detail: text(database) || text(problem["err_msg"]) || text(problem["message"]) };
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");
