import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { keptFor } from "./kept";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("gives the same again within its time, and a new one after", () => {
  const kept = keptFor<{ stop: () => void }>(1000);
  const stop = vi.fn();
  const make = (): { stop: () => void } => ({ stop });
  const first = kept.take("a", make);
  kept.leave("a");
  vi.advanceTimersByTime(900);
  expect(kept.take("a", make)).toBe(first);
  vi.advanceTimersByTime(5000);
  expect(stop).not.toHaveBeenCalled();
  kept.leave("a");
  vi.advanceTimersByTime(1001);
  expect(stop).toHaveBeenCalledOnce();
  expect(kept.take("a", make)).not.toBe(first);
});

it("stops what another takes the place of", () => {
  const kept = keptFor<{ stop: () => void }>(1000);
  const stop = vi.fn();
  kept.take("a", () => ({ stop }));
  kept.take("b", () => ({ stop: vi.fn() }));
  expect(stop).toHaveBeenCalledOnce();
  kept.leave("a");
  vi.advanceTimersByTime(2000);
});
