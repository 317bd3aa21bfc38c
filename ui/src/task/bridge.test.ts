import { expect, test } from "vitest";

import { byAttempt } from "./cardOrder";
import { KIND, readSaid, whatToDo } from "./bridge";

test("what a card says is read within bounds, and nothing else is", () => {
  expect(readSaid({ kind: KIND, height: 1e9, token: "x".repeat(999) })).toEqual({ height: 12_000, token: "x".repeat(200) });
  expect(readSaid({ kind: KIND, height: -5, ready: true, token: null })).toEqual({ height: 60, ready: true, token: null });
  for (const other of [null, 7, "text", {}, { kind: "other", height: 5 }]) expect(readSaid(other)).toBeNull();
  expect(readSaid({ kind: KIND, height: "5", token: 7, updates: "yes", html: "<b>", answers: "3", taken: 1 })).toEqual({});
});

test("data is handed to the page it belongs to; another page is loaded for other data", () => {
  expect(whatToDo({ token: "a", updates: true }, { reload_token: "a" })).toBe("post");
  expect(whatToDo({ token: "a", updates: true }, { reload_token: "final" })).toBe("load");
  expect(whatToDo({ token: "final", updates: false }, { reload_token: "a" })).toBe("nothing");
  expect(whatToDo({ token: "a", updates: false }, { reload_token: "a" })).toBe("nothing");
  expect(whatToDo({ token: null, updates: true }, { reload_token: "a" })).toBe("post"); // it does not say which it is
});

test("a card that is refreshed step by step is loaded again only when its layout changes, and at its end", () => {
  const seen = ["a", "a", "b", "b", "final"].map((token) => ({ reload_token: token }));
  let said = { token: "a", updates: true };
  const done = seen.map((data) => {
    const what = whatToDo(said, data);
    if (what === "load") said = { ...said, token: data.reload_token };
    return what;
  });
  expect(done).toEqual(["post", "post", "load", "post", "load"]);
});

test("a page that takes no updates is not posted to, and not loaded for ever", () => {
  const said = { token: "final", updates: false };
  expect([{ reload_token: "final" }, { reload_token: "x" }, {}].map((data) => whatToDo(said, data as never))).not.toContain("load");
});

const card = (hash: string, attempt_id?: number | null, origin: string | null = null) => ({ id: null, type: "blank", hash, attempt_id, origin });

test("the cards of the attempt that is looked at come first, those of others apart", () => {
  const cards = [card("a", 0), card("b", 1), card("c", 2), card("d", null)];
  const { own, others } = byAttempt(cards, 1);
  expect(own.map(({ hash }) => hash)).toEqual(["b", "d"]);
  expect(others.map(({ hash }) => hash)).toEqual(["c", "a"]);
  const cloned = byAttempt([card("a", 0, "F/1/s/2"), card("b", 1, "F/1/s/2")], 0);
  expect([cloned.own[0]?.hash, cloned.origin]).toEqual(["b", "F/1/s/2"]);
});
