export { listenToKeys, useKeys, type Key } from "./keyboard";
export { NotFound } from "./NotFound";
export { Shell, useTitle } from "./Shell";
export { lookForStack, stack } from "./stack";
