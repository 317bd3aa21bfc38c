/** Draws any directed graph in layers: each node below those that lead to it, few crossings, straight main lines.
 *
 * Four passes: edges that lead back are set aside; ranks (longest way from the top); order within ranks (averages of
 * the neighbours' places, kept only if fewer edges cross); places (least squares under the order). Pure, and
 * deterministic: the same graph always looks the same. */

export interface Box {
  id: string;
  width: number;
  height: number;
}

export interface Edge {
  from: string;
  to: string;
}

export interface Point {
  x: number;
  y: number;
}

export interface Placed extends Box, Point {}

export interface Line extends Edge {
  /** From the bottom of one node to the top of another, with a pair of points for each rank on the way. */
  points: Point[];
  /** Leads back up: a loop. */
  back: boolean;
}

export interface Drawing {
  nodes: Placed[];
  lines: Line[];
  width: number;
  height: number;
}

export interface Gaps {
  /** Between neighbours in a rank. */
  across: number;
  /** Between ranks. */
  down: number;
}

/** A node, or a place that a long edge passes on its way through a rank (`box` is null then). */
interface Spot {
  box: Box | null;
  width: number;
  rank: number;
  above: Spot[];
  below: Spot[];
  order: number;
  x: number;
}

const ORDERING_SWEEPS = 12;
const PLACING_SWEEPS = 20;
const STRAIGHTENING_SWEEPS = 40;
const PASSING_WIDTH = 12;
/** How much more than one that branches an edge resists that is the only way on from one node to the next. */
const CHAIN_STRENGTH = 8;

export function drawLayers(boxes: readonly Box[], edges: readonly Edge[], gaps: Gaps): Drawing {
  const ids = new Set(boxes.map((box) => box.id));
  const known = edges.filter((edge) => ids.has(edge.from) && ids.has(edge.to));
  const back = leadingBack(boxes, known);
  const forward = known.filter((edge) => !back.has(edge));
  const ranks = ranksOf(boxes, forward);

  const spots = new Map<string, Spot>();
  for (const box of boxes) spots.set(box.id, spot(box, box.width, ranks.get(box.id)!));
  const layers = layersOf(spots.values());
  const ways = forward.map((edge) => way(spots.get(edge.from)!, spots.get(edge.to)!, layers));
  order(layers, spots);
  const width = setPlaces(layers, gaps.across);
  const { tops, heights, total } = tiers(layers, gaps.down);

  const placed = new Map<string, Placed>();
  for (const [id, { box, x, rank }] of spots) placed.set(id, { ...box!, x: x - box!.width / 2, y: tops[rank]! });
  const lines = forward.map((edge, i) => ({ ...edge, back: false, points: points(ways[i]!, tops, heights) }));
  const loops = [...back].map((edge) => ({ ...edge, back: true, points: loop(placed.get(edge.from)!, placed.get(edge.to)!) }));
  const widest = loops.reduce((most, { points }) => Math.max(most, ...points.map((point) => point.x)), width);
  return { nodes: boxes.map((box) => placed.get(box.id)!), lines: [...lines, ...loops], width: widest, height: total };
}

function spot(box: Box | null, width: number, rank: number): Spot {
  return { box, width, rank, above: [], below: [], order: 0, x: 0 };
}

/** Edges that close a circle, found by walking down from where the graph begins. No recursion: chains may be long. */
export function leadingBack(boxes: readonly Box[], edges: readonly Edge[]): Set<Edge> {
  const out = new Map<string, Edge[]>(boxes.map((box) => [box.id, []]));
  const entered = new Set<string>();
  for (const edge of edges) {
    out.get(edge.from)!.push(edge);
    if (edge.from !== edge.to) entered.add(edge.to);
  }
  const found = new Set<Edge>();
  const state = new Map<string, "open" | "done">();
  const roots = [...boxes.filter((box) => !entered.has(box.id)), ...boxes];
  for (const root of roots) {
    if (state.has(root.id)) continue;
    const path = [{ id: root.id, next: 0 }];
    state.set(root.id, "open");
    while (path.length) {
      const here = path[path.length - 1]!;
      const edge = out.get(here.id)![here.next++];
      if (!edge) {
        state.set(here.id, "done");
        path.pop();
      } else if (state.get(edge.to) === "open") {
        found.add(edge);
      } else if (!state.has(edge.to)) {
        state.set(edge.to, "open");
        path.push({ id: edge.to, next: 0 });
      }
    }
  }
  return found;
}

/** The length of the longest way that leads to each node. `edges` must hold no circle. */
export function ranksOf(boxes: readonly Box[], edges: readonly Edge[]): Map<string, number> {
  const waiting = new Map(boxes.map((box) => [box.id, 0]));
  const out = new Map<string, string[]>(boxes.map((box) => [box.id, []]));
  for (const edge of edges) {
    waiting.set(edge.to, waiting.get(edge.to)! + 1);
    out.get(edge.from)!.push(edge.to);
  }
  const ranks = new Map(boxes.map((box) => [box.id, 0]));
  const ready = boxes.filter((box) => waiting.get(box.id) === 0).map((box) => box.id);
  for (let id = ready.pop(); id !== undefined; id = ready.pop()) {
    for (const next of out.get(id)!) {
      ranks.set(next, Math.max(ranks.get(next)!, ranks.get(id)! + 1));
      waiting.set(next, waiting.get(next)! - 1);
      if (waiting.get(next) === 0) ready.push(next);
    }
  }
  return ranks;
}

function layersOf(spots: Iterable<Spot>): Spot[][] {
  const layers: Spot[][] = [];
  for (const one of spots) {
    while (layers.length <= one.rank) layers.push([]);
    layers[one.rank]!.push(one);
  }
  return layers;
}

/** Links two spots, through a new spot in each rank between them; gives all of them, ends included. */
function way(from: Spot, to: Spot, layers: Spot[][]): Spot[] {
  const all = [from];
  for (let rank = from.rank + 1; rank < to.rank; rank++) {
    const passing = spot(null, PASSING_WIDTH, rank);
    layers[rank]!.push(passing);
    all.push(passing);
  }
  all.push(to);
  for (let i = 0; i + 1 < all.length; i++) {
    all[i]!.below.push(all[i + 1]!);
    all[i + 1]!.above.push(all[i]!);
  }
  return all;
}

function order(layers: Spot[][], spots: Map<string, Spot>): void {
  // First the order of a walk from the top, which is without crossings for all that is properly nested.
  let count = 0;
  const seen = new Set<Spot>();
  const stack = [...spots.values()].filter((one) => !one.above.length).reverse();
  for (let one = stack.pop(); one; one = stack.pop()) {
    if (seen.has(one)) continue;
    seen.add(one);
    one.order = count++;
    stack.push(...[...one.below].reverse());
  }
  settle(layers);
  let best = crossings(layers);
  let kept = layers.map((layer) => [...layer]);
  for (let sweep = 0; sweep < ORDERING_SWEEPS && best > 0; sweep++) {
    const down = sweep % 2 === 0;
    for (const layer of down ? layers.slice(1) : layers.slice(0, -1).reverse()) {
      const wanted = new Map(layer.map((one) => [one, average(down ? one.above : one.below, (near) => near.order) ?? one.order]));
      layer.sort((one, other) => wanted.get(one)! - wanted.get(other)! || one.order - other.order);
      layer.forEach((one, i) => (one.order = i));
    }
    const now = crossings(layers);
    if (now < best) {
      best = now;
      kept = layers.map((layer) => [...layer]);
    }
  }
  kept.forEach((layer, i) => (layers[i] = layer));
  for (const layer of layers) layer.forEach((one, i) => (one.order = i));
}

function settle(layers: Spot[][]): void {
  for (const layer of layers) {
    layer.sort((one, other) => one.order - other.order);
    layer.forEach((one, i) => (one.order = i));
  }
}

function average(spots: readonly Spot[], value: (spot: Spot) => number): number | undefined {
  return spots.length ? spots.reduce((sum, one) => sum + value(one), 0) / spots.length : undefined;
}

/** How many pairs of edges cross, between all neighbouring layers. */
function crossings(layers: readonly Spot[][]): number {
  let total = 0;
  for (const layer of layers) {
    const ends: number[] = [];
    for (const one of layer) {
      for (const end of one.below.map((next) => next.order).sort((a, b) => a - b)) {
        total += ends.reduce((sum, other) => sum + (other > end ? 1 : 0), 0);
        ends.push(end);
      }
    }
  }
  return total;
}

/** Gives each spot its middle, and returns the whole width. */
function setPlaces(layers: readonly Spot[][], gap: number): number {
  for (const layer of layers) {
    let x = 0;
    for (const one of layer) {
      one.x = x + one.width / 2;
      x += one.width + gap;
    }
    for (const one of layer) one.x -= x / 2;
  }
  for (let sweep = 0; sweep < PLACING_SWEEPS; sweep++) {
    const down = sweep % 2 === 0;
    for (const layer of down ? layers : [...layers].reverse()) {
      spread(layer, (one) => (down ? one.above : one.below), gap);
    }
  }
  const chains = chainsOf(layers);
  for (let sweep = 0; sweep < STRAIGHTENING_SWEEPS; sweep++) for (const chain of chains) straighten(chain, layers, gap);
  const left = Math.min(...layers.flat().map((one) => one.x - one.width / 2));
  let right = 0;
  for (const one of layers.flat()) {
    one.x -= left;
    right = Math.max(right, one.x + one.width / 2);
  }
  return right;
}

/** The only way on from `upper`, and the only one that leads to `lower`. */
function chained(upper: Spot, lower: Spot): boolean {
  return upper.below.length === 1 && lower.above.length === 1;
}

/** What should stand in one straight line: every spot is in exactly one chain, perhaps alone. */
function chainsOf(layers: readonly Spot[][]): Spot[][] {
  const chains: Spot[][] = [];
  for (const first of layers.flat()) {
    if (first.above.length === 1 && chained(first.above[0]!, first)) continue;
    const chain = [first];
    for (let last = first; last.below.length === 1 && chained(last, last.below[0]!); last = last.below[0]!) {
      chain.push(last.below[0]!);
    }
    chains.push(chain);
  }
  return chains;
}

/** Moves a chain as a whole to where its ends want it, as far as the neighbours of all its members leave room. */
function straighten(chain: readonly Spot[], layers: readonly Spot[][], gap: number): void {
  let low = -Infinity;
  let high = Infinity;
  for (const one of chain) {
    const before = layers[one.rank]![one.order - 1];
    const after = layers[one.rank]![one.order + 1];
    if (before) low = Math.max(low, before.x + before.width / 2 + gap + one.width / 2);
    if (after) high = Math.min(high, after.x - after.width / 2 - gap - one.width / 2);
  }
  if (low > high) return;
  const near = [...chain[0]!.above, ...chain[chain.length - 1]!.below];
  const wanted = average(near, (one) => one.x) ?? average(chain, (one) => one.x)!;
  const x = Math.min(high, Math.max(low, wanted));
  for (const one of chain) one.x = x;
}

/** Puts a layer as near to what each spot wants as the order and the gaps allow (pooling those that collide). */
function spread(layer: readonly Spot[], near: (spot: Spot) => Spot[], gap: number): void {
  const pools: { sum: number; weight: number; members: { one: Spot; offset: number }[] }[] = [];
  let offset = 0;
  let last: Spot | null = null;
  for (const one of layer) {
    if (last) offset += last.width / 2 + gap + one.width / 2;
    last = one;
    let sum = 0;
    let weight = 0;
    for (const other of near(one)) {
      const strength = (one.rank < other.rank ? chained(one, other) : chained(other, one)) ? CHAIN_STRENGTH : 1;
      sum += other.x * strength;
      weight += strength;
    }
    if (!weight) [sum, weight] = [one.x * 0.01, 0.01];
    let pool = { sum: sum - offset * weight, weight, members: [{ one, offset }] };
    for (let before = pools[pools.length - 1]; before && before.sum / before.weight > pool.sum / pool.weight; before = pools[pools.length - 1]) {
      pools.pop();
      pool = {
        sum: before.sum + pool.sum,
        weight: before.weight + pool.weight,
        members: [...before.members, ...pool.members],
      };
    }
    pools.push(pool);
  }
  for (const { sum, weight, members } of pools) {
    for (const { one, offset: own } of members) one.x = sum / weight + own;
  }
}

function tiers(layers: readonly Spot[][], gap: number): { tops: number[]; heights: number[]; total: number } {
  const tops: number[] = [];
  const heights: number[] = [];
  let y = 0;
  for (const layer of layers) {
    const height = Math.max(0, ...layer.map((one) => one.box?.height ?? 0));
    tops.push(y);
    heights.push(height);
    y += height + gap;
  }
  return { tops, heights, total: Math.max(0, y - gap) };
}

function points(spots: readonly Spot[], tops: readonly number[], heights: readonly number[]): Point[] {
  const found: Point[] = [];
  spots.forEach((one, i) => {
    const top = tops[one.rank]!;
    const bottom = top + heights[one.rank]!;
    if (i > 0) found.push({ x: one.x, y: top });
    // A node that is lower than its rank: the line begins at its own bottom and falls straight to that of the rank.
    if (i === 0) found.push({ x: one.x, y: top + one.box!.height });
    if (i < spots.length - 1) found.push({ x: one.x, y: bottom });
  });
  return found;
}

const LOOP_MARGIN = 18;

function loop(from: Placed, to: Placed): Point[] {
  const right = Math.max(from.x + from.width, to.x + to.width) + LOOP_MARGIN;
  const leaves = from.y + from.height * (from.id === to.id ? 0.75 : 0.5);
  const arrives = to.y + to.height * (from.id === to.id ? 0.25 : 0.5);
  return [
    { x: from.x + from.width, y: leaves },
    { x: right, y: leaves },
    { x: right, y: arrives },
    { x: to.x + to.width, y: arrives },
  ];
}
