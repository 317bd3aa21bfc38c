export { batched, type Batch } from "./batch";
export { keptFor, type Kept } from "./kept";
export { withEvents, withRows, type Keyed } from "./rows";
export { connection, subscribe, type Connection, type LiveEvent } from "./socket";
