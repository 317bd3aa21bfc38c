/** The address bar is the state: what is shown is a function of the path and the query, and both can be shared. */

import { computed, signal } from "@preact/signals";

import { basePath, withQuery } from "../api";

export interface Place {
  /** Decoded parts of the path below the base. */
  parts: string[];
  query: Readonly<Record<string, string>>;
}

const base = basePath();

/** What the proxy in front of us has below these names is not the page: a flow called so is at `-/flow/NAME` instead. */
const TAKEN = new Set(["api", "service", "ui_backend_service"]);

export function parsePlace(pathname: string, search: string, below = "/"): Place {
  const rest = pathname.startsWith(below) ? pathname.slice(below.length) : pathname.replace(/^\//, "");
  const parts = rest.split("/").filter(Boolean).map(decode);
  return {
    parts: parts[0] === "-" && parts[1] === "flow" ? parts.slice(2) : parts,
    query: Object.fromEntries(new URLSearchParams(search)),
  };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a lone % typed by hand
  }
}

const read = (): Place =>
  typeof window === "undefined"
    ? { parts: [], query: {} }
    : parsePlace(window.location.pathname, window.location.search, base);

/** How far each entry of the history was scrolled. The page is shorter when the browser would do this itself. */
const scrolled = new Map<string, number>();
let entry = "";

export const place = signal<Place>(read());
export const query = computed(() => place.value.query);

/** The address of a view: `href(["Flow", "12"], {tab: "x"})`. Names may hold anything. */
export function href(parts: readonly (string | number)[], search: Record<string, string | number | undefined> = {}): string {
  const whole = TAKEN.has(String(parts[0])) ? ["-", "flow", ...parts] : parts;
  return withQuery(base + whole.map((part) => encodeURIComponent(String(part))).join("/"), search);
}

export function go(address: string, options: { replace?: boolean } = {}): void {
  const samePath = new URL(address, window.location.href).pathname === window.location.pathname;
  if (options.replace) history.replaceState(history.state, "", address);
  else {
    scrolled.set(entry, window.scrollY);
    history.pushState({ entry: (entry = newEntry()) }, "", address);
  }
  place.value = read();
  if (!samePath && !options.replace) window.scrollTo(0, 0);
}

/** Changes some of the query and keeps the rest; undefined or "" takes a name out. */
export function setQuery(changes: Record<string, string | undefined>, options: { replace?: boolean } = {}): void {
  go(hrefWith(changes), options);
}

export function hrefWith(changes: Record<string, string | undefined>): string {
  return href(place.value.parts, { ...place.value.query, ...changes });
}

const newEntry = (): string => String(performance.timeOrigin + performance.now());
const entryOf = (state: unknown): string => (state as { entry?: string } | null)?.entry ?? "";

/** Back to where the entry was scrolled to, once its view has been drawn. */
function onPopState(event: PopStateEvent): void {
  scrolled.set(entry, window.scrollY);
  entry = entryOf(event.state);
  place.value = read();
  const top = scrolled.get(entry);
  if (top !== undefined) requestAnimationFrame(() => requestAnimationFrame(() => window.scrollTo(0, top)));
}

/** Makes plain links move within the page. Called once. */
export function followLinks(): void {
  history.scrollRestoration = "manual";
  entry = entryOf(history.state);
  window.addEventListener("popstate", onPopState);
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
      return;
    const link = (event.target as Element | null)?.closest("a");
    if (!link || link.target || link.hasAttribute("download") || link.origin !== window.location.origin) return;
    if (!link.pathname.startsWith(base) || link.dataset["external"] !== undefined) return;
    event.preventDefault();
    go(link.href);
  });
}
