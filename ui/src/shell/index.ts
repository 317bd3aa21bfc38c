export { listenToKeys, useKeys, type Key } from "./keyboard";
export { NotFound } from "./NotFound";
export { Shell, useTitle } from "./Shell";
export { useRowKeys } from "./useRowKeys";
export { lookForStack, stack } from "./stack";
