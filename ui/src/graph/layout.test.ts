import { expect, test } from "vitest";

import type { Dag, DagStep } from "../api";
import { layOut, type Layout } from "./layout";

type Given = Partial<DagStep> & { next: string[] };

function dag(steps: Record<string, Given>): Dag {
  const entries = Object.entries(steps).map(([name, step]) => [name, { name, type: "linear", ...step }]);
  return { steps: Object.fromEntries(entries) as Dag["steps"], graph_structure: [] };
}

const CHAIN = dag({ start: { type: "start", next: ["middle"] }, middle: { next: ["end"] }, end: { type: "end", next: [] } });
const SPLIT = dag({
  start: { type: "split-static", next: ["a", "b", "c"] },
  a: { next: ["join"] },
  b: { next: ["b2"] },
  b2: { next: ["join"] },
  c: { next: ["join"] },
  join: { type: "join", next: ["end"] },
  end: { type: "end", next: [] },
});
const FOREACH = dag({
  start: { type: "split-foreach", next: ["outer"], matching_join: "join_outer", foreach_artifact: "countries" },
  outer: { type: "split-foreach", next: ["inner"], matching_join: "join_inner", foreach_artifact: "folds" },
  inner: { next: ["join_inner"] },
  join_inner: { type: "join", next: ["join_outer"] },
  join_outer: { type: "join", next: ["end"] },
  end: { type: "end", next: [] },
});
const SWITCH = dag({
  start: { next: ["improve"] },
  improve: { type: "split-switch", next: ["improve", "choose"] },
  choose: { type: "split-switch", next: ["small", "large"] },
  small: { next: ["end"] },
  large: { next: ["polish"] },
  polish: { next: ["end"] },
  end: { type: "end", next: [] },
});

const at = (layout: Layout, id: string) => layout.nodes.find((node) => node.id === id)!;
const middle = (layout: Layout, id: string) => at(layout, id).x + at(layout, id).width / 2;

function overlapping(layout: Layout): string[] {
  const found: string[] = [];
  for (const one of layout.nodes) {
    for (const other of layout.nodes) {
      const apart = one.x + one.width <= other.x || other.x + other.width <= one.x || one.y + one.height <= other.y || other.y + other.height <= one.y;
      if (one.id < other.id && !apart) found.push(`${one.id} ${other.id}`);
    }
  }
  return found;
}

test("a chain is straight and goes down", () => {
  const layout = layOut(CHAIN);
  expect(new Set(layout.nodes.map((node) => node.x)).size).toBe(1);
  expect(at(layout, "start").y).toBeLessThan(at(layout, "middle").y);
  expect(at(layout, "middle").y).toBeLessThan(at(layout, "end").y);
});

test("branches stand side by side in the order of the source, the join in the middle below them", () => {
  const layout = layOut(SPLIT);
  expect(at(layout, "a").y).toBe(at(layout, "c").y);
  expect(middle(layout, "a")).toBeLessThan(middle(layout, "b"));
  expect(middle(layout, "b")).toBeLessThan(middle(layout, "c"));
  expect(middle(layout, "join")).toBeCloseTo(middle(layout, "start"), 0);
  expect(at(layout, "join").y).toBeGreaterThan(at(layout, "b2").y);
  expect(overlapping(layout)).toEqual([]);
});

test("nested foreaches are frames in frames, and hold nothing else", () => {
  const layout = layOut(FOREACH);
  const [outer, inner] = ["start", "outer"].map((id) => layout.frames.find((frame) => frame.id === id)!);
  expect(outer).toMatchObject({ over: "countries", depth: 1 });
  expect(inner).toMatchObject({ over: "folds", depth: 2 });
  const holds = (frame: typeof outer, id: string) => {
    const node = at(layout, id);
    return node.x >= frame!.x && node.x + node.width <= frame!.x + frame!.width && node.y >= frame!.y && node.y + node.height <= frame!.y + frame!.height;
  };
  expect(layout.nodes.filter((node) => holds(outer, node.id)).map((node) => node.id).sort()).toEqual(["inner", "join_inner", "outer"]);
  expect(layout.nodes.filter((node) => holds(inner, node.id)).map((node) => node.id)).toEqual(["inner"]);
  expect(new Set(layout.nodes.map((node) => middle(layout, node.id))).size).toBe(1);
});

test("a foreach whose client names no join is framed as well", () => {
  const steps = structuredClone(FOREACH);
  for (const step of Object.values(steps.steps)) delete step.matching_join;
  expect(layOut(steps).frames.map((frame) => frame.id).sort()).toEqual(["outer", "start"]);
});

test("every edge of the flow is drawn, between its own two steps", () => {
  for (const flow of [CHAIN, SPLIT, FOREACH, SWITCH]) {
    const drawn = layOut(flow).links.map((link) => `${link.from} ${link.to}`).sort();
    const wanted = Object.values(flow.steps).flatMap((step) => step.next.map((to) => `${step.name} ${to}`)).sort();
    expect(drawn).toEqual(wanted);
  }
});

test("lines begin at the bottom of a step and end at the top of the next", () => {
  const layout = layOut(FOREACH);
  for (const link of layout.links) {
    const [from, to] = [at(layout, link.from), at(layout, link.to)];
    expect(link.points[0]).toEqual({ x: from.x + from.width / 2, y: from.y + from.height });
    expect(link.points[link.points.length - 1]).toEqual({ x: to.x + to.width / 2, y: to.y });
  }
});

test("loops are set aside and do not turn the drawing upside down", () => {
  const layout = layOut(SWITCH);
  expect(layout.links.filter((link) => link.back)).toMatchObject([{ from: "improve", to: "improve" }]);
  expect(at(layout, "choose").y).toBeGreaterThan(at(layout, "improve").y);
  expect(layout.links.flatMap((link) => link.points).every((point) => point.x <= layout.width)).toBe(true);
});

test("a loop over several steps, and even one without a beginning, is drawn", () => {
  const round = layOut(dag({ a: { next: ["b"] }, b: { next: ["c"] }, c: { next: ["a"] } }));
  expect(round.nodes.map((node) => node.id)).toEqual(["a", "b", "c"]);
  expect(round.links.filter((link) => link.back)).toHaveLength(1);
});

test("branches that were mixed up are untangled", () => {
  // Written crosswise: each leads to the other side's end.
  const layout = layOut(
    dag({ s: { next: ["a", "b"] }, a: { next: ["y"] }, b: { next: ["x"] }, x: { next: ["e"] }, y: { next: ["e"] }, e: { next: [] } }),
  );
  const side = (one: string, other: string) => Math.sign(middle(layout, one) - middle(layout, other));
  expect(side("a", "b")).toBe(side("y", "x"));
});

test("a step that is skipped over leaves room for the line", () => {
  const layout = layOut(dag({ start: { type: "split-switch", next: ["extra", "end"] }, extra: { next: ["end"] }, end: { next: [] } }));
  const passing = layout.links.find((link) => link.from === "start" && link.to === "end")!;
  const extra = at(layout, "extra");
  const inside = passing.points.filter((point) => point.y >= extra.y && point.y <= extra.y + extra.height);
  expect(inside.length).toBeGreaterThan(0);
  expect(inside.every((point) => point.x <= extra.x || point.x >= extra.x + extra.width)).toBe(true);
});

test("a hundred steps, and thirty branches, are drawn in a moment without overlap", () => {
  const steps: Record<string, Given> = {};
  for (let i = 0; i < 100; i++) steps[`s${i}`] = { next: i < 99 ? [`s${i + 1}`] : [] };
  const fan: Record<string, Given> = { start: { type: "split-static", next: [] }, join: { type: "join", next: [] } };
  for (let i = 0; i < 30; i++) {
    fan["start"]!.next.push(`b${i}`);
    fan[`b${i}`] = { next: i % 3 ? [`c${i}`] : ["join"] };
    if (i % 3) fan[`c${i}`] = { next: ["join"] };
  }
  const before = performance.now();
  expect(layOut(dag(steps)).height).toBeGreaterThan(5000);
  expect(overlapping(layOut(dag(fan)))).toEqual([]);
  expect(performance.now() - before).toBeLessThan(1000);
});

test("the same graph looks the same each time", () => {
  expect(layOut(SPLIT)).toEqual(layOut(SPLIT));
});

test("odd graphs are no reason to fail: none, empty, edges to nowhere, hostile names", () => {
  expect(layOut(null).nodes).toEqual([]);
  expect(layOut(dag({})).nodes).toEqual([]);
  expect(layOut(dag({ a: { next: ["gone"] } })).links).toEqual([]);
  const hostile = layOut(dag({ "<b>": { next: ["__proto__x", "constructor"] }, "__proto__x": { next: [] }, constructor: { next: [] } }));
  expect(hostile.nodes).toHaveLength(3);
  expect(layOut({ steps: { a: { name: "a" } } } as unknown as Dag).nodes).toHaveLength(1);
});
