/** The drawing of a flow: what lies between a foreach and its join is drawn by itself and put into a frame, which then
 * counts as one node of the graph around it. Pure; knows nothing of tasks or colours. */

import type { Dag } from "../api";
import { drawLayers, type Box, type Edge, type Line, type Placed, type Point } from "./layered";

export const NODE_WIDTH = 176;
export const NODE_HEIGHT = 56;
const GAPS = { across: 22, down: 36 };
const FRAME = { side: 14, top: 30, bottom: 14 };

export interface Node extends Point {
  id: string;
  width: number;
  height: number;
  type: string;
  doc: string;
  /** How many foreaches it lies in. */
  depth: number;
}

export interface Frame extends Point {
  /** The step that fans out. */
  id: string;
  width: number;
  height: number;
  /** The artifact whose items are worked on, if known. */
  over: string;
  depth: number;
}

export interface Link extends Edge {
  points: Point[];
  back: boolean;
}

export interface Layout {
  nodes: Node[];
  frames: Frame[];
  links: Link[];
  width: number;
  height: number;
}

interface Body {
  foreach: string;
  join: string;
  members: Set<string>;
}

const EMPTY: Layout = { nodes: [], frames: [], links: [], width: 0, height: 0 };

export function layOut(dag: Dag | null): Layout {
  const steps: Steps = new Map();
  for (const [name, step] of Object.entries((dag?.steps ?? {}) as Record<string, unknown>)) {
    if (typeof step === "object" && step !== null) steps.set(name, step);
  }
  if (!steps.size) return EMPTY;
  const next = new Map<string, string[]>();
  for (const [name, step] of steps) {
    const targets: unknown[] = Array.isArray(step.next) ? step.next : [];
    next.set(name, [...new Set(targets.map(text))].filter((to) => steps.has(to)));
  }
  const kept = bodies(steps, next);
  const drawing = draw(new Set(steps.keys()), next, kept, 0);
  for (const node of drawing.nodes) {
    const step = steps.get(node.id)!;
    node.type = text(step.type);
    node.doc = text(step.doc);
  }
  for (const frame of drawing.frames) {
    frame.over = text(steps.get(frame.id)!.foreach_artifact);
  }
  return drawing;
}

/** What a step holds was stored by a flow, and may be anything. */
type Steps = Map<string, Partial<Record<"type" | "next" | "doc" | "foreach_artifact" | "matching_join", unknown>>>;
type Next = Map<string, string[]>;

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** The bodies of foreaches that can be framed: entered only by the foreach, left only to its join. */
function bodies(steps: Steps, next: Next): Body[] {
  const found: Body[] = [];
  for (const [name, step] of steps) {
    const starts = next.get(name)!;
    if (!text(step.type).includes("foreach") || starts.length !== 1) continue;
    const join = text(step.matching_join) || meeting(starts[0]!, steps, next);
    if (!join || !steps.has(join) || join === starts[0]) continue;
    const members = reach(starts[0]!, join, next);
    if (members.has(name) || !closed(members, name, join, next)) continue;
    found.push({ foreach: name, join, members });
  }
  return found;
}

/** For clients that do not name it: the join that closes what opened before `from`, splits in between accounted for. */
function meeting(from: string, steps: Steps, next: Next): string | null {
  const seen = new Set<string>();
  let depth = 1;
  for (let name: string | undefined = from; name && !seen.has(name); name = next.get(name)![0]) {
    seen.add(name);
    const type = text(steps.get(name)!.type);
    if (type === "join" && --depth === 0) return name;
    if (type.startsWith("split") && type !== "split-switch") depth++;
  }
  return null;
}

function reach(from: string, stop: string, next: Next): Set<string> {
  const found = new Set<string>();
  const waiting = [from];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (name === stop || found.has(name)) continue;
    found.add(name);
    waiting.push(...next.get(name)!);
  }
  return found;
}

function closed(members: Set<string>, entry: string, exit: string, next: Next): boolean {
  for (const [from, targets] of next) {
    for (const to of targets) {
      if (members.has(from) ? !members.has(to) && to !== exit : members.has(to) && from !== entry) return false;
    }
  }
  return true;
}

/** Draws `members`; the outermost bodies among them first, each as a box of its own. */
function draw(members: Set<string>, next: Next, kept: readonly Body[], depth: number): Layout {
  const inside = kept.filter((body) => members.has(body.foreach) && subset(body.members, members));
  const outermost = inside.filter(
    (body) => !inside.some((other) => other !== body && other.members.has(body.foreach) && subset(body.members, other.members)),
  );
  const holder = new Map<string, string>();
  const drawn = new Map<string, Layout>();
  const boxes: Box[] = [];
  for (const { foreach, members: within } of outermost) {
    const id = `\u0000${foreach}`; // no step can have this name
    const content = draw(within, next, kept.filter((body) => within.has(body.foreach)), depth + 1);
    drawn.set(id, content);
    for (const name of within) holder.set(name, id);
  }
  const order = walk(members, next);
  const put = new Set<string>();
  for (const name of order) {
    const id = holder.get(name) ?? name;
    if (put.has(id)) continue;
    put.add(id);
    const content = drawn.get(id);
    boxes.push(
      content
        ? { id, width: content.width + 2 * FRAME.side, height: content.height + FRAME.top + FRAME.bottom }
        : { id, width: NODE_WIDTH, height: NODE_HEIGHT },
    );
  }
  const edges = new Map<string, Edge & { steps: Edge[] }>();
  for (const from of order) {
    for (const to of next.get(from)!) {
      if (!members.has(to)) continue;
      const ends = { from: holder.get(from) ?? from, to: holder.get(to) ?? to };
      if (ends.from === ends.to && drawn.has(ends.from)) continue;
      const key = `${ends.from}\u0001${ends.to}`;
      const edge = edges.get(key) ?? { ...ends, steps: [] };
      edge.steps.push({ from, to });
      edges.set(key, edge);
    }
  }
  const layers = drawLayers(boxes, [...edges.values()], GAPS);
  const layout = assemble(layers.nodes, drawn, depth);
  const places = new Map(layout.nodes.map((node) => [node.id, node]));
  for (const line of layers.lines) {
    for (const step of edges.get(`${line.from}\u0001${line.to}`)!.steps) {
      layout.links.push({ ...step, back: line.back, points: throughFrames(line, step, places) });
    }
  }
  return { ...layout, width: layers.width, height: layers.height };
}

/** A line that ends at a frame goes on to the step inside, unless it is a loop. */
function throughFrames(line: Line, step: Edge, places: Map<string, Node>): Point[] {
  const points = [...line.points];
  if (line.back) return points;
  if (line.from !== step.from) points.unshift(bottom(places.get(step.from)!));
  if (line.to !== step.to) points.push(top(places.get(step.to)!));
  return points;
}

function top(node: Node): Point {
  return { x: node.x + node.width / 2, y: node.y };
}

function bottom(node: Node): Point {
  return { x: node.x + node.width / 2, y: node.y + node.height };
}

function assemble(boxes: readonly Placed[], drawn: Map<string, Layout>, depth: number): Layout {
  const layout: Layout = { nodes: [], frames: [], links: [], width: 0, height: 0 };
  for (const box of boxes) {
    const content = drawn.get(box.id);
    if (!content) {
      layout.nodes.push({ ...box, type: "", doc: "", depth });
      continue;
    }
    const { x, y, width, height } = box;
    layout.frames.push({ id: box.id.slice(1), x, y, width, height, over: "", depth: depth + 1 });
    const by = { x: x + FRAME.side, y: y + FRAME.top };
    const moved = <T extends Point>(point: T): T => ({ ...point, x: point.x + by.x, y: point.y + by.y });
    layout.nodes.push(...content.nodes.map(moved));
    layout.frames.push(...content.frames.map(moved));
    layout.links.push(...content.links.map((link) => ({ ...link, points: link.points.map(moved) })));
  }
  return layout;
}

/** From the top down and from left to right, as the flow's author wrote the branches. */
function walk(members: Set<string>, next: Next): string[] {
  const entered = new Set<string>();
  for (const name of members) for (const to of next.get(name)!) if (to !== name) entered.add(to);
  const order = new Set<string>();
  const waiting = [...members].reverse();
  waiting.push(...[...members].filter((name) => !entered.has(name)).reverse());
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (order.has(name) || !members.has(name)) continue;
    order.add(name);
    waiting.push(...[...next.get(name)!].reverse());
  }
  return [...order];
}

function subset(some: Set<string>, all: Set<string>): boolean {
  for (const one of some) if (!all.has(one)) return false;
  return true;
}

