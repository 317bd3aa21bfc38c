export * from "./types";
export { ApiError, asApiError, at, everyPage, withQuery, type Page, type Query } from "./client";
export { filterValue, joinValues, splitValues } from "./filterValues";
export { basePath, liveAddress, metadataServiceAddress, setting } from "./places";
export { check, generation, reachable, serverNow, stale } from "./reach";
export * from "./resources";
export { whenStale } from "./whenStale";
export { useLoad, type Loaded } from "./useLoad";
export { useLooking, type Phase } from "./useLooking";
