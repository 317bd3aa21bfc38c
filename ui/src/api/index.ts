export * from "./types";
export { ApiError, at, withQuery, type Page, type Query } from "./client";
export { basePath, liveAddress, metadataServiceAddress, setting } from "./places";
export { check, generation, reachable, stale } from "./reach";
export * from "./resources";
export { whenStale } from "./whenStale";
export { useLoad, type Loaded } from "./useLoad";
