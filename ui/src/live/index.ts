export { batched, type Batch } from "./batch";
export { withEvents, withRows, type Keyed } from "./rows";
export { connection, subscribe, type Connection, type LiveEvent } from "./socket";
