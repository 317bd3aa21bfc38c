import { expect, it } from "vitest";

import type { LiveEvent } from "./socket";
import { withEvents, withRows } from "./rows";

interface Row {
  id: number;
  state: string;
}
const keyOf = (row: Row): string => String(row.id);
const event = (type: LiveEvent<Row>["type"], id: number, state = ""): LiveEvent<Row> => ({
  type,
  resource: "",
  data: { id, state },
});

it("puts rows in, updates them in place and takes them out, in the order of the events", () => {
  const rows = withRows(new Map<string, Row>(), [
    { id: 1, state: "running" },
    { id: 2, state: "running" },
  ], keyOf);
  const after = withEvents(rows, [event("UPDATE", 1, "failed"), event("INSERT", 3), event("DELETE", 2)], keyOf);
  expect([...after.keys()]).toEqual(["1", "3"]);
  expect(after.get("1")?.state).toBe("failed");
  expect(rows.size).toBe(2);
});

it("takes an update of an unknown row as an insertion: its own may have been missed", () => {
  expect(withEvents(new Map<string, Row>(), [event("UPDATE", 9)], keyOf).size).toBe(1);
});
