/** All runs: filtered, ordered, grouped, live. */

import { useComputed } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";

import { joinValues, withQuery } from "../api";
import { keptFor } from "../live";
import { Empty, Failure, VirtualList, formatCount, useNarrow } from "../parts";
import { href, query, setQuery } from "../router";
import { useKeys, useRowKeys, useTitle } from "../shell";
import { StartGuide } from "../start/StartGuide";
import { GROUP_ROWS, RunFeed } from "./feed";
import { apiQuery, clearing, narrows, orderingBy, readGroup, readOrder } from "./filters";
import { itemsOf, type Item } from "./order";
import { GroupRow, RunRow, SkeletonRow } from "./rows";
import { Toolbar } from "./Toolbar";

const KEPT_MS = 600_000; // one opens a run, looks, and comes back to the same place
const feeds = keptFor<RunFeed>(KEPT_MS);

const ROW_PX = 40;
const NARROW_ROW_PX = 62;
const FETCH_AHEAD_ROWS = 60;
const FIRST_SKELETONS = 14;
const SCREENFUL = 20;

const COLUMNS = [
  { column: "status", label: "Status", text: true },
  { column: "flow_id", label: "Flow", text: true },
  { column: "run_number", label: "Run", text: false },
  { column: "user", label: "User", text: true },
  { column: "ts_epoch", label: "Started", text: false },
  { column: "duration", label: "Duration", text: false },
] as const;

export function RunsPage() {
  useTitle("");
  const feed = useFeed();
  const items = useComputed(() => itemsOf(feed.rows.value, readGroup(query.value), GROUP_ROWS)).value;
  const nothing = items.length === 0 && feed.complete.value;
  if (nothing && !narrows(query.value)) return <StartGuide />;
  return (
    <>
      <h1 class="unseen">Runs</h1>
      <Toolbar />
      {nothing ? (
        <Empty title="No run matches these filters">
          <button type="button" class="button" onClick={() => setQuery(clearing())}>
            Clear filters
          </button>
        </Empty>
      ) : (
        <RunTable feed={feed} items={items} />
      )}
    </>
  );
}

/** The feed of what the address asks for; a new one when that changes. */
function useFeed(): RunFeed {
  const search = query.value;
  const wanted = withQuery("", { ...apiQuery(search), _group: readGroup(search) });
  useEffect(() => () => feeds.leave(wanted), [wanted]);
  return feeds.take(wanted, () => new RunFeed(search));
}

function RunTable({ feed, items }: { feed: RunFeed; items: readonly Item[] }) {
  const narrow = useNarrow();
  const { chosen, toggle } = useChosen();
  const rows = useRowKeys("run", () => items.filter((item) => item.kind === "run").map((item) => item.key));
  useKeys(
    [
      {
        keys: "x",
        label: "Choose the run to compare",
        run: () => {
          if (rows.at.current !== null) toggle(rows.at.current);
        },
      },
    ],
    [],
  );
  const waiting = feed.loading.value && items.length === 0;
  const error = feed.error.value;
  if (error && items.length === 0 && !error.unreachable)
    return <Failure error={error} what="the runs" again={() => void feed.refresh()} />;

  const count = waiting || (error && items.length === 0) ? FIRST_SKELETONS : items.length;
  const row = (index: number) => {
    const item = items[index];
    if (!item) return <SkeletonRow key={index} />;
    if (item.kind === "group") return <GroupRow key={item.key} item={item} by={readGroup(query.value)} />;
    return <RunRow key={item.key} run={item.run} id={item.key} chosen={chosen.has(item.key)} onChoose={toggle} />;
  };
  return (
    <>
      <div class="table runs" role="table" aria-label="Runs" aria-busy={feed.loading.value} ref={rows.table}>
        <Head />
        <VirtualList
          count={count}
          rowHeight={narrow ? NARROW_ROW_PX : ROW_PX}
          row={row}
          onVisible={(_, last) => {
            if (last + FETCH_AHEAD_ROWS > items.length) feed.more();
          }}
        />
      </div>
      <More feed={feed} shown={items.length} />
      {chosen.size > 0 && <Chosen keys={[...chosen]} />}
    </>
  );
}

function Head() {
  const order = readOrder(query.value);
  return (
    <div class="table-head" role="rowgroup">
      <div class="row" role="row">
        <span class="cell cell-choose" role="columnheader">
          <span class="unseen">Chosen</span>
          <span class="choose-head" aria-hidden="true" title="Tick runs to compare them">
            ⇄
          </span>
        </span>
        {COLUMNS.map(({ column, label, text }) => {
          const sorted = order.column === column;
          return (
            <span
              key={column}
              class={`cell cell-${column}`}
              role="columnheader"
              aria-sort={sorted ? (order.descending ? "descending" : "ascending") : undefined}
            >
              <button type="button" class="sort" onClick={() => setQuery(orderingBy(query.peek(), column, text))}>
                {label}
                <span class="sort-mark" aria-hidden="true">
                  {sorted ? (order.descending ? "↓" : "↑") : ""}
                </span>
              </button>
            </span>
          );
        })}
        <span class="cell cell-tags" role="columnheader">
          Tags
        </span>
      </div>
    </div>
  );
}

function More({ feed, shown }: { feed: RunFeed; shown: number }) {
  const error = feed.error.value;
  if (error && shown > 0)
    return (
      <p class="table-foot">
        Could not load more.{" "}
        <button type="button" class="button" onClick={() => void feed.refresh()}>
          Try again
        </button>
      </p>
    );
  const words = feed.complete.value ? `${formatCount(shown)} shown, that is all` : "Loading more …";
  return (
    <p class="table-foot soft" role="status">
      {shown > SCREENFUL && words}
    </p>
  );
}

function useChosen(): { chosen: ReadonlySet<string>; toggle: (key: string) => void } {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const toggle = (key: string): void =>
    setChosen((old) => {
      const next = new Set(old);
      if (!next.delete(key)) next.add(key);
      return next;
    });
  return { chosen, toggle };
}

function Chosen({ keys }: { keys: readonly string[] }) {
  const [first = "", ...others] = keys;
  const address = href([...splitKey(first), "view", "compare"], { with: joinValues(others) });
  return (
    <div class="chosen" role="status">
      {keys.length === 1 ? (
        <span>1 run chosen. Choose another to compare.</span>
      ) : (
        <a class="button button-main" href={address}>
          Compare {keys.length} runs
        </a>
      )}
    </div>
  );
}

/** `Flow/12` as its two parts. */
const splitKey = (key: string): [string, string] => [key.slice(0, key.lastIndexOf("/")), key.slice(key.lastIndexOf("/") + 1)];
