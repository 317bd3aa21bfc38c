/** The rows of the list of runs. */

import { filterValue, type UIRun } from "../api";
import { Duration, Status, Tags, Time } from "../parts";
import { href, hrefWith, query } from "../router";
import { adding, type GroupBy } from "./filters";
import { keyOf, type Item } from "./order";

const TAGS_SHOWN = 4;

interface Props {
  run: UIRun;
  id: string;
  chosen: boolean;
  onChoose: (key: string) => void;
}

export function RunRow({ run, id, chosen, onChoose }: Props) {
  const running = run.status === "running";
  const tags = run.tags ?? [];
  return (
    <div class={`row run-row${chosen ? " is-chosen" : ""}`} role="row" data-key={id}>
      <span class="cell cell-choose" role="cell">
        <input
          type="checkbox"
          checked={chosen}
          aria-label={`Choose ${run.flow_id} ${run.run} to compare`}
          onChange={() => onChoose(keyOf(run))}
        />
      </span>
      <span class="cell cell-status" role="cell">
        <Status value={run.status} />
      </span>
      <span class="cell cell-flow_id" role="cell">
        <a class="row-link cut" href={href([run.flow_id, run.run])} title={run.flow_id}>
          <bdi>{run.flow_id}</bdi>
          <span class="unseen"> run {run.run}</span>
        </a>
      </span>
      <span class="cell cell-run_number" role="cell">
        <span class="num cut" title={run.run}>
          <bdi>{run.run}</bdi>
        </span>
      </span>
      <span class="cell cell-user" role="cell">
        <span class="cut soft" title={run.user ?? run.user_name ?? undefined}>
          <bdi>{run.user ?? run.user_name ?? "–"}</bdi>
        </span>
      </span>
      <span class="cell cell-ts_epoch soft" role="cell">
        <Time at={run.ts_epoch} />
      </span>
      <span class="cell cell-duration" role="cell">
        <Duration ms={run.duration} since={running ? run.ts_epoch : undefined} />
      </span>
      <span class="cell cell-tags" role="cell">
        <Tags tags={tags} most={TAGS_SHOWN} hrefOf={(tag) => hrefWith(adding(query.peek(), { field: "tag", value: tag }))} />
      </span>
    </div>
  );
}

export function GroupRow({ item, by }: { item: Item & { kind: "group" }; by: GroupBy | undefined }) {
  const narrowed = item.name === null || !by ? null : hrefWith({ _group: undefined, [by]: filterValue(item.name) });
  return (
    <div class="row group-row" role="row">
      <span class="cell cell-group" role="rowheader">
        <bdi class="cut group-name">{item.name ?? (by === "user" ? "No user" : "None")}</bdi>
        {item.more && narrowed && (
          <a href={narrowed}>
            All runs<span class="unseen"> of {item.name}</span>
          </a>
        )}
      </span>
    </div>
  );
}

export function SkeletonRow() {
  return (
    <div class="row" role="row" aria-hidden="true">
      {["choose", "status", "flow_id", "run_number", "user", "ts_epoch", "duration", "tags"].map((name) => (
        <span key={name} class={`cell cell-${name}`} role="cell">
          {name !== "choose" && <span class="skeleton skeleton-cell" />}
        </span>
      ))}
    </div>
  );
}
