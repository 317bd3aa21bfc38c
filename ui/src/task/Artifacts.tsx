/** What a task has stored: names, types and values, or why a value cannot be shown. */

import { useEffect, useRef, useState } from "preact/hooks";

import { fetchTaskArtifacts, useLoad, type UIArtifact } from "../api";
import { Failure, Skeleton, Time, useSettled, formatBytes } from "../parts";
import { LongText } from "./LongText";
import { Section, type Place } from "./Section";

const GENERIC_TYPE = "metaflow.artifact"; // what the client writes, whatever the value is

export function Artifacts({ place, running }: { place: Place; running: boolean }) {
  const { flow, run, step, task, attempt } = place;
  const [own, setOwn] = useState(false);
  const loaded = useLoad(JSON.stringify(["artifacts", flow, run, step, task, attempt]), (signal) =>
    fetchTaskArtifacts(flow, run, step, task, { attempt_id: attempt }, signal),
  );
  const { again } = loaded;
  useSettled("artifacts", loaded.data !== undefined || loaded.error !== undefined);
  const was = useRef(running);
  useEffect(() => {
    // Artifacts are stored when a task ends, and cause no events.
    if (was.current && !running) again();
    was.current = running;
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `again` only asks again
  }, [running]);

  const all = [...(loaded.data ?? [])].sort((one, other) => one.name.localeCompare(other.name));
  const user = all.filter((row) => !row.name.startsWith("_"));
  const rows = own ? all : user;
  const hidden = all.length - user.length;
  const tools = hidden > 0 && (
    <button type="button" class="button button-quiet" aria-pressed={own} onClick={() => setOwn(!own)}>
      {own ? "Hide" : "Show"} {hidden} of Metaflow's own
    </button>
  );
  return (
    <Section id="artifacts" title="Artifacts" count={user.length} tools={tools}>
      {loaded.error && !loaded.data && <Failure error={loaded.error} what="the artifacts" again={again} />}
      {!loaded.data && !loaded.error && <Skeleton lines={4} />}
      {loaded.data && rows.length === 0 && (
        <p class="soft">{running ? "Artifacts are stored when the task ends." : "This attempt has stored none."}</p>
      )}
      {rows.length > 0 && (
        <table class="task-table artifacts">
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Value</th>
              <th scope="col" class="task-wide">
                Type
              </th>
              <th scope="col" class="task-wide task-number">
                Stored
              </th>
              <th scope="col" class="task-wide">
                Time
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <Artifact key={row.name} row={row} />
            ))}
          </tbody>
        </table>
      )}
    </Section>
  );
}

function Artifact({ row }: { row: UIArtifact }) {
  const told = row.type && row.type !== GENERIC_TYPE ? row.type : row.content_type;
  const type = row.value_type ?? told; // an official backend does not know the value's own type
  const size = typeof row.stored_bytes === "number" ? formatBytes(row.stored_bytes) : "";
  return (
    <tr>
      <th scope="row" class="breaks">
        <bdi class="mono">{row.name}</bdi>
        <small class="task-narrow soft">
          <bdi>{[type.trim(), size].filter(Boolean).join(", ")}</bdi>
        </small>
      </th>
      <td>
        <Value row={row} />
      </td>
      <td class="task-wide soft breaks" title={`${row.content_type} in ${row.location}`}>
        <bdi class="mono">{type.trim() || "–"}</bdi>
      </td>
      <td class="task-wide soft task-number">
        {size || "–"}
      </td>
      <td class="task-wide soft">
        <Time at={row.ts_epoch} />
      </td>
    </tr>
  );
}

function Value({ row }: { row: UIArtifact }) {
  const { content, postprocess_error: trouble } = row;
  if (trouble) {
    return (
      <span class="soft breaks" title={trouble.id}>
        {why(row.name, trouble.detail ?? trouble.id)}
      </span>
    );
  }
  if (content === null || content === undefined) return <span class="soft">not shown</span>;
  return <LongText text={content} name={row.name} />;
}

/** The reason alone: the name stands beside it already. */
function why(name: string, detail: string): string {
  const rest = detail.startsWith(`${name} `) ? detail.slice(name.length + 1) : detail;
  return rest ? rest[0]!.toUpperCase() + rest.slice(1) : rest;
}
