/** One WebSocket for the whole page. It comes back by itself, and asks for what happened in between. */

import { signal } from "@preact/signals";

import { check, liveAddress, serverNow, stale, whenStale } from "../api";

export interface LiveEvent<T> {
  type: "INSERT" | "UPDATE" | "DELETE";
  resource: string;
  data: T;
}

type Listener = (event: LiveEvent<never>) => void;

const CHANGES: readonly string[] = ["INSERT", "UPDATE", "DELETE"];
const PING_EVERY_MS = 5000;
const PONG_WITHIN_MS = 2000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;

export type Connection = "idle" | "connecting" | "open" | "lost";
export const connection = signal<Connection>("idle");

/** `at`: Unix seconds at which it was wanted. What it belongs to is loaded meanwhile, and either may arrive first: events
 *  since then are asked for too. */
interface Subscription {
  resource: string;
  listener: Listener;
  at: number;
}

const subscriptions = new Map<string, Subscription>();
const seconds = (): number => Math.floor(serverNow() / 1000);
let socket: WebSocket | null = null;
let pinger: ReturnType<typeof setInterval> | undefined;
let pongDue: ReturnType<typeof setTimeout> | undefined;
let retry: ReturnType<typeof setTimeout> | undefined;
let wait = FIRST_WAIT_MS;
/** Unix seconds at which the connection broke; null while it never did. */
let lostAt: number | null = null;

/** Calls `listener` for each event of `resource` (a path with its filters) until the returned function is called. */
export function subscribe<T>(resource: string, listener: (event: LiveEvent<T>) => void): () => void {
  const uuid = newId();
  const at = seconds();
  subscriptions.set(uuid, { resource, listener, at });
  if (socket?.readyState === WebSocket.OPEN) say({ type: "SUBSCRIBE", uuid, resource, since: at });
  else if (socket === null && connection.value === "idle") connect();
  return () => {
    subscriptions.delete(uuid);
    if (socket?.readyState === WebSocket.OPEN) say({ type: "UNSUBSCRIBE", uuid });
  };
}

// crypto.randomUUID is missing where the page came over plain HTTP from another host.
const newId = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

const say = (message: unknown): void => socket?.send(JSON.stringify(message));

function connect(): void {
  clearTimeout(retry);
  if (connection.value !== "lost") connection.value = "connecting";
  const opened = new WebSocket(liveAddress());
  socket = opened;
  opened.onopen = () => {
    wait = FIRST_WAIT_MS;
    for (const [uuid, { resource, at }] of subscriptions) {
      say({ type: "SUBSCRIBE", uuid, resource, since: Math.max(at, lostAt ?? 0) });
    }
    // The server replays five minutes at most, and only if it is still the same process.
    if (lostAt !== null) stale();
    lostAt = null;
    connection.value = "open";
    pinger = setInterval(() => ping(opened), PING_EVERY_MS);
  };
  opened.onmessage = (message) => hear(message.data);
  opened.onclose = () => {
    if (socket !== opened) return;
    socket = null;
    clearInterval(pinger);
    clearTimeout(pongDue);
    lostAt ??= seconds();
    connection.value = "lost";
    void check();
    retry = setTimeout(connect, wait);
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  };
}

// The backend answers again: no need to sit out the wait.
whenStale(() => {
  if (connection.peek() === "lost" && socket === null) connect();
});

function ping(opened: WebSocket): void {
  if (opened.readyState !== WebSocket.OPEN) return;
  opened.send("__ping__");
  clearTimeout(pongDue);
  pongDue = setTimeout(() => {
    opened.close();
    opened.onclose?.(new CloseEvent("close")); // a dead network can hold the real event back for minutes
  }, PONG_WITHIN_MS);
}

function hear(data: unknown): void {
  if (data === "__pong__") return clearTimeout(pongDue);
  if (typeof data !== "string") return;
  let event: LiveEvent<never> & { uuid?: string };
  try {
    event = JSON.parse(data) as typeof event;
  } catch {
    return;
  }
  // A backend may say other things of a subscription, such as why it does not take it: those are no changes of rows.
  if (!CHANGES.includes(event.type)) return;
  if (event.uuid !== undefined) subscriptions.get(event.uuid)?.listener(event);
}
