import { expect, test } from "vitest";

import type { UIRun, UITask } from "../api";
import { GENEROUS_MS, phaseOf, type Known } from "./phase";

const attempt = (status: string, id = 0) => ({ status, attempt_id: id, ts_epoch: 0, started_at: id * 1000 }) as unknown as UITask;
const run = (status: string, finished_at: number | null) => ({ status, finished_at, ts_epoch: 0, last_heartbeat_ts: 3 }) as unknown as UIRun;
const known = (more: Partial<Known>): Known => ({ attempts: [], run: undefined, logWhole: false, cloned: false, now: 0, ...more });

test("an attempt that has ended is whole only when that is known, or long after", () => {
  expect(phaseOf(attempt("running"), known({}))).toBe("running");
  expect(phaseOf(attempt("completed"), known({ now: 1e12 }))).toBe("ending");
  expect(phaseOf(attempt("completed"), known({ logWhole: true }))).toBe("whole");
  expect(phaseOf(attempt("completed"), known({ cloned: true }))).toBe("whole");
  const over = run("completed", 5000);
  expect(phaseOf(attempt("completed"), known({ run: over, now: 5000 + GENEROUS_MS }))).toBe("ending");
  expect(phaseOf(attempt("completed"), known({ run: over, now: 5001 + GENEROUS_MS }))).toBe("whole");
  expect(phaseOf(attempt("completed"), known({ run: run("running", null), now: 1e12 }))).toBe("ending");
});

test("one that was followed by another a generous time ago is whole", () => {
  const attempts = [attempt("running", 1), attempt("failed", 0)];
  expect(phaseOf(attempts[1]!, known({ attempts, now: 1000 + GENEROUS_MS }))).toBe("ending");
  expect(phaseOf(attempts[1]!, known({ attempts, now: 1001 + GENEROUS_MS }))).toBe("whole");
});

test("a run that failed or fell silent is given the same generous time as one that went well", () => {
  const failed = run("failed", null); // the last that was heard of it was at 3 s
  expect(phaseOf(attempt("completed"), known({ run: failed, now: 3000 + GENEROUS_MS }))).toBe("ending");
  expect(phaseOf(attempt("failed"), known({ run: failed, now: 3001 + GENEROUS_MS }))).toBe("whole");
});

test("what has not begun, and what nobody knows of, is not said to be whole", () => {
  expect(phaseOf(attempt("pending"), known({ logWhole: true, now: 1e12 }))).toBe("running");
  expect(phaseOf(attempt("unknown"), known({ now: 1e12 }))).toBe("ending");
});
