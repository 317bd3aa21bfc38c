/** Filters, grouping and time range above the list of runs. All of it is in the address. */

import { useEffect, useRef } from "preact/hooks";

import { Icon, StatusIcon, statusWord } from "../parts";
import { query, setQuery } from "../router";
import { STATUSES, adding, clearing, narrows, readFilters, readStatuses, removing, togglingStatus } from "./filters";
import { SearchBox, fieldWord } from "./SearchBox";
import { TimeRange } from "./TimeRange";

/** Tells the style sheet how high the toolbar is: the head of the table sticks below it. */
function useHeightTold() {
  const toolbar = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = toolbar.current;
    if (!element) return;
    const root = document.documentElement.style;
    const observer = new ResizeObserver(() => root.setProperty("--toolbar", `${element.offsetHeight}px`));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return toolbar;
}

export function Toolbar() {
  const toolbar = useHeightTold();
  const search = query.value;
  const statuses = readStatuses(search);
  return (
    <div class="toolbar" ref={toolbar}>
      <div class="toolbar-line">
        <SearchBox onPick={(filter) => setQuery(adding(query.peek(), filter))} />
        <div class="choices" role="group" aria-label="Status">
          {STATUSES.map((status) => (
            <button
              key={status}
              type="button"
              class="choice"
              aria-pressed={statuses.includes(status)}
              onClick={() => setQuery(togglingStatus(query.peek(), status))}
            >
              <StatusIcon value={status} size={14} />
              {statusWord(status)}
            </button>
          ))}
        </div>
        <TimeRange />
        <label class="select">
          <span class="unseen">Group by</span>
          <select
            class="input"
            value={search["_group"] ?? ""}
            onChange={(event) => setQuery({ _group: event.currentTarget.value })}
          >
            <option value="">No grouping</option>
            <option value="flow_id">Group by flow</option>
            <option value="user">Group by user</option>
          </select>
        </label>
      </div>
      {narrows(search) && <Chips />}
    </div>
  );
}

function Chips() {
  const search = query.value;
  return (
    <div class="chips">
      {readFilters(search).map((filter) => (
        <span key={`${filter.field} ${filter.value}`} class="chip">
          <span class="soft">{fieldWord(filter.field)}</span>
          <bdi class="chip-value">{filter.value}</bdi>
          <button
            type="button"
            class="chip-remove"
            aria-label={`Remove the filter ${fieldWord(filter.field)} ${filter.value}`}
            onClick={() => setQuery(removing(query.peek(), filter))}
          >
            <Icon name="cross" size={12} />
          </button>
        </span>
      ))}
      <button type="button" class="button button-quiet chips-clear" onClick={() => setQuery(clearing())}>
        Clear filters
      </button>
    </div>
  );
}
