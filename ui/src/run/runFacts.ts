/** What tasks and attempts alone do not tell of a run: foreach values, exceptions that were caught, when cards were made.
 * None of it causes events, so it is asked for again while the run goes on. */

import { signal } from "@preact/signals";

import { everyPage, runPath, type UIArtifact, type UIMetadata } from "../api";
import { foreachText } from "../parts";
import type { RunFacts } from "../timeline/after";

const NONE: RunFacts = { foreach: new Map(), caught: new Set(), carded: new Map() };
const PAGE_ROWS = 1000;

export class FactsOfRun {
  readonly now = signal<RunFacts>(NONE);
  private newest = 0;
  private busy = false;

  constructor(
    private readonly flow: string,
    private readonly run: string,
  ) {}

  /** What has been added since the last time. What cannot be had is not shown, and asked for next time. */
  async load(abort: AbortSignal): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      const path = runPath(this.flow, this.run);
      const since = { "id:gt": this.newest, _order: "+id", _limit: PAGE_ROWS };
      const [stacks, cards, caught] = await Promise.all([
        everyPage<UIMetadata>(`${path}/metadata`, { ...since, field_name: "foreach-stack" }, abort),
        everyPage<UIMetadata>(`${path}/metadata`, { ...since, type: "card-info" }, abort),
        everyPage<UIArtifact>(`${path}/artifacts`, { name: "_catch_exception", _limit: PAGE_ROWS }, abort),
      ]);
      const old = this.now.peek();
      if (stacks.length + cards.length === 0 && caught.length === old.caught.size) return;
      const foreach = new Map(old.foreach);
      for (const { task_id, value } of stacks) foreach.set(task_id, foreachText(value));
      const carded = new Map(old.carded);
      for (const { task_id, attempt_id, ts_epoch } of cards) carded.set(`${task_id}/${attempt_id ?? 0}`, ts_epoch);
      this.newest = [...stacks, ...cards].reduce((most, { id }) => Math.max(most, id), this.newest);
      this.now.value = { foreach, carded, caught: new Set(caught.map(({ task_id }) => task_id)) };
    } catch {
      return;
    } finally {
      this.busy = false;
    }
  }
}
