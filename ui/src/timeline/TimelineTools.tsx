/** Above the timeline: which tasks are shown, in what order, and which part of the time. */

import { formatCount, StatusIcon, statusWord } from "../parts";
import { setQuery } from "../router";
import type { Sorting, Status } from "./rows";
import type { View } from "./useView";

export const FILTERS: readonly Status[] = ["running", "failed", "pending", "completed", "unknown"];

interface Props {
  counts: Record<Status | "all", number>;
  only: Status | null;
  sorting: Sorting;
  clock: boolean;
  view: View;
  /** Where there are steps with several tasks. */
  collapse: { closed: boolean; toggle: () => void } | undefined;
}

export function TimelineTools({ counts, only, sorting, clock, view, collapse }: Props) {
  return (
    <div class="timeline-tools">
      <div class="timeline-group" role="group" aria-label="Show tasks that are">
        <Chip pressed={only === null} onClick={() => setQuery({ status: undefined })}>
          All {formatCount(counts.all)}
        </Chip>
        {FILTERS.map((status) =>
          counts[status] > 0 || only === status ? (
            <Chip key={status} pressed={only === status} onClick={() => setQuery({ status: only === status ? undefined : status })}>
              <StatusIcon value={status} size={13} /> {statusWord(status)} {formatCount(counts[status])}
            </Chip>
          ) : null,
        )}
      </div>
      <span class="timeline-space" />
      <label class="timeline-sort">
        <span class="unseen">Order of the tasks in a step</span>
        <select class="input" value={sorting} onChange={(event) => setQuery({ sort: event.currentTarget.value === "start" ? undefined : event.currentTarget.value })}>
          <option value="start">By start</option>
          <option value="duration">Longest first</option>
          <option value="status">Failed first</option>
        </select>
      </label>
      {collapse && (
        <button type="button" class="button" onClick={collapse.toggle}>
          {collapse.closed ? "Expand all" : "Collapse all"}
        </button>
      )}
      <button type="button" class="button" aria-pressed={clock} title="Time of day, or time since the start" onClick={() => setQuery({ time: clock ? undefined : "clock" })}>
        {clock ? "Time of day" : "Since start"}
      </button>
      <Zoom view={view} />
    </div>
  );
}

function Chip({ pressed, onClick, children }: { pressed: boolean; onClick: () => void; children: preact.ComponentChildren }) {
  return (
    <button type="button" class="timeline-chip num" aria-pressed={pressed} onClick={onClick}>
      {children}
    </button>
  );
}

function Zoom({ view }: { view: View }) {
  return (
    <div class="timeline-group" role="group" aria-label="Zoom">
      <button type="button" class="button button-icon" aria-label="Further away" title="Further away (−)" disabled={!view.narrow} onClick={view.zoomOut}>
        −
      </button>
      <button type="button" class="button" title="The whole run (0)" disabled={!view.narrow} onClick={view.fit}>
        Fit
      </button>
      <button type="button" class="button button-icon" aria-label="Closer" title="Closer (+). Or drag over a part of it, or Ctrl and wheel" onClick={view.zoomIn}>
        +
      </button>
    </div>
  );
}
