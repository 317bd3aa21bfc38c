/** The lines of one log that are here so far: pages are counted from its growing end and come in any order. Pure. */

import type { LogLine } from "../api";
import { lastWritten, plain } from "./ansi";

/** As the official UI asks. */
export const PAGE_LINES = 1000;
/** For reading everything, as a search must. */
export const LARGE_PAGE_LINES = 10_000;
/** More lines than this are taller than a browser can scroll. The oldest are left out, and it is said. */
export const MOST_LINES = 500_000;

export class LogStore {
  /** By row, holes where nothing was loaded yet. */
  private readonly lines: (LogLine | undefined)[] = [];
  private held = 0;
  /** Rows in the order in which they came or changed, so that a view can tell what it has not seen. */
  readonly changes: number[] = [];
  /** Rows of the log, as far as is known. */
  total = 0;
  /** Characters in the longest line that is here. */
  longest = 0;

  /** Takes the rows of a page that was asked for as the `page`th from the end. Tells whether anything is new. */
  merge(rows: readonly LogLine[], page: number, limit: number): boolean {
    let news = false;
    for (const line of rows) {
      const old = this.lines[line.row];
      // The last line of a running task may have been read while it was being written.
      if (old && old.line === line.line) continue;
      if (!old) this.held++;
      this.lines[line.row] = line;
      this.changes.push(line.row);
      this.longest = Math.max(this.longest, lastWritten(line.line).length);
      news = true;
    }
    const newest = rows.reduce((most, line) => Math.max(most, line.row), -1);
    if (newest >= 0) this.total = Math.max(this.total, newest + 1 + (page - 1) * limit);
    return news;
  }

  get(row: number): LogLine | undefined {
    return this.lines[row];
  }

  /** The first row that is shown at all. */
  get first(): number {
    return Math.max(0, this.total - MOST_LINES);
  }

  get complete(): boolean {
    return this.held >= this.total - this.first;
  }

  /** The page that holds the newest row missing in this range (ends included), or null if all are here. */
  missing(from: number, to: number, limit: number): number | null {
    for (let row = Math.min(to, this.total - 1); row >= Math.max(from, this.first); row--) {
      if (!this.lines[row]) return Math.floor((this.total - 1 - row) / limit) + 1;
    }
    return null;
  }

  /** The rows whose text holds `wanted`, upper and lower case alike. */
  find(wanted: string): number[] {
    const found: number[] = [];
    const low = wanted.toLowerCase();
    if (!low) return found;
    for (let row = this.first; row < this.total; row++) {
      const line = this.lines[row];
      if (line && plain(line.line).toLowerCase().includes(low)) found.push(row);
    }
    return found;
  }

  /** All lines that are here, as text without colours. */
  text(): string {
    const all: string[] = [];
    for (let row = this.first; row < this.total; row++) {
      const line = this.lines[row];
      if (line) all.push(plain(line.line));
    }
    return all.join("\n");
  }
}
