/** Where the page itself, the UI backend and the metadata service are. Read once, from what the server put in the page. */

declare global {
  interface Window {
    METAFLOW_SERVICE?: string;
    METAFLOW_METADATA_SERVICE?: string;
    APP_BASE_PATH?: string;
    MF_DEFAULT_TIME_FILTER_DAYS?: number | string;
  }
}

type Setting = "METAFLOW_SERVICE" | "METAFLOW_METADATA_SERVICE" | "APP_BASE_PATH" | "MF_DEFAULT_TIME_FILTER_DAYS";

/** A script may set `window.X`; a strict policy forbids inline scripts, so `<meta name="X">` serves as well. */
export function setting(name: Setting): string | undefined {
  if (typeof window === "undefined") return undefined;
  const value = window[name] ?? document.querySelector(`meta[name="${name}"]`)?.getAttribute("content");
  return value === undefined || value === null || value === "" ? undefined : String(value);
}

/** The path below which the page lives, with a slash at both ends. */
export function basePath(): string {
  if (typeof window === "undefined") return "/";
  const base = setting("APP_BASE_PATH") ?? document.querySelector("base")?.getAttribute("href") ?? "/";
  const path = new URL(base, window.location.origin).pathname;
  return path.endsWith("/") ? path : `${path}/`;
}

/** An absolute address without a slash at its end; `fallback` is relative to the page's base path. */
function address(name: Setting, fallback: string): string {
  if (typeof window === "undefined") return `http://localhost/${fallback}`;
  const url = new URL(setting(name) ?? fallback, window.location.origin + basePath());
  return (url.origin + url.pathname).replace(/\/+$/, "");
}

export const apiAddress = (): string => address("METAFLOW_SERVICE", "api");
export const metadataServiceAddress = (): string => address("METAFLOW_METADATA_SERVICE", "service");
export const liveSearchAddress = (): string => `${apiAddress().replace(/^http/, "ws")}/search`;
export const liveAddress = (): string => `${apiAddress().replace(/^http/, "ws")}/ws`;
