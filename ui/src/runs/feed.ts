/** The runs of one query: pages as they are needed, and live events on top. */

import { signal } from "@preact/signals";

import { asApiError, ApiError, fetchRuns, whenStale, withQuery, type Query, type UIRun } from "../api";
import { batched, subscribe, type LiveEvent } from "../live";
import { apiQuery, liveQuery, readGroup, readOrder, readStatuses } from "./filters";
import { keyOf, withLive } from "./order";

const PAGE_ROWS = 100;
const PAGE_GROUPS = 20;
export const GROUP_ROWS = 5;

export class RunFeed {
  readonly rows = signal<readonly UIRun[]>([]);
  /** All pages are here. */
  readonly complete = signal(false);
  readonly loading = signal(true);
  readonly error = signal<ApiError | undefined>(undefined);

  private next = 1;
  private controller = new AbortController();
  private readonly query: Query;
  private readonly stops: (() => void)[];
  private readonly batch = batched<LiveEvent<UIRun>>((events) => this.apply(events));

  constructor(private readonly search: Readonly<Record<string, string>>) {
    const group = readGroup(search);
    // One row more than is shown tells that there are more.
    const size = group ? { _limit: PAGE_GROUPS, _group: group, _group_limit: GROUP_ROWS + 1 } : { _limit: PAGE_ROWS };
    this.query = { ...apiQuery(search), ...size };
    this.stops = [
      subscribe<UIRun>(withQuery("/runs", liveQuery(search)), (event) => this.batch.add(event)),
      whenStale(() => void this.refresh()),
      () => this.batch.drop(),
      () => this.controller.abort(),
    ];
    void this.load();
  }

  stop(): void {
    for (const stop of this.stops) stop();
  }

  /** The next page, unless one is on its way. */
  more(): void {
    if (!this.complete.peek() && !this.loading.peek() && !this.error.peek()) void this.load();
  }

  /** The pages that are here once more, after an outage or a fault. What is shown stays until they have come. */
  async refresh(): Promise<void> {
    this.controller.abort();
    this.controller = new AbortController();
    const pages = Math.max(1, this.next - 1);
    this.next = 1;
    const fresh: UIRun[] = [];
    for (let page = 1; page <= pages; page++) {
      if (!(await this.load((rows) => fresh.push(...rows)))) return;
      if (this.complete.peek()) break;
    }
    this.rows.value = unique(fresh);
  }

  private async load(take?: (rows: UIRun[]) => void): Promise<boolean> {
    const { signal } = this.controller;
    this.loading.value = true;
    this.error.value = undefined;
    try {
      const page = await fetchRuns({ ...this.query, _page: this.next }, signal);
      this.complete.value = page.next === null;
      this.next++;
      if (take) take(page.rows);
      else this.rows.value = unique([...this.rows.peek(), ...page.rows]);
      return true;
    } catch (reason) {
      if (signal.aborted) return false;
      this.error.value = asApiError(reason);
      return false;
    } finally {
      if (!signal.aborted) this.loading.value = false;
    }
  }

  private apply(events: LiveEvent<UIRun>[]): void {
    const statuses = readStatuses(this.search);
    const belongs = (run: UIRun): boolean => statuses.length === 0 || statuses.includes(run.status);
    const all = this.complete.peek() || readGroup(this.search) !== undefined;
    this.rows.value = withLive(this.rows.peek(), events, readOrder(this.search), all, belongs);
  }
}

/** Pages shift while runs are added, and then show a run twice. */
function unique(rows: readonly UIRun[]): UIRun[] {
  return [...new Map(rows.map((run) => [keyOf(run), run])).values()];
}
