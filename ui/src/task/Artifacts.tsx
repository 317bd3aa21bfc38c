/** What a task has stored: names, types and values, or why a value cannot be shown. */

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

import { asApiError, ApiError, fetchTaskArtifacts, useLooking, type Phase, type UIArtifact } from "../api";
import { Failure, Skeleton, Time, useSettled, formatBytes } from "../parts";
import { LongText } from "./LongText";
import { Section, type Place } from "./Section";

const RUNNING_MS = 10_000; // a task that runs has stored at most those of an earlier attempt
const GENERIC_TYPE = "metaflow.artifact"; // what the client writes, whatever the value is

export interface LoadedArtifacts {
  rows: readonly UIArtifact[] | undefined;
  error: ApiError | undefined;
  again: () => void;
}

/** They are stored when an attempt ends, and cause no events. */
export function useArtifacts({ flow, run, step, task, attempt }: Place, phase: Phase): LoadedArtifacts {
  const key = JSON.stringify(["artifacts", flow, run, step, task, attempt]);
  const [asked, setAsked] = useState(0);
  const [state, setState] = useState<{ key: string; rows?: UIArtifact[]; error?: ApiError }>({ key });
  const look = async (signal: AbortSignal): Promise<void> => {
    try {
      const rows = await fetchTaskArtifacts(flow, run, step, task, { attempt_id: attempt }, signal);
      if (!signal.aborted) setState({ key, rows });
    } catch (reason) {
      if (signal.aborted) return;
      const error = asApiError(reason);
      setState((old) => (old.key === key && old.rows ? { ...old, error } : { key, error }));
    }
  };
  useLooking(`${key} ${asked}`, phase, look, RUNNING_MS);
  const shown = state.key === key ? state : { key };
  return { rows: shown.rows, error: shown.error, again: () => setAsked((n) => n + 1) };
}

/** The artifact that Metaflow keeps where `@catch` has caught an exception. */
export const CAUGHT = "_catch_exception";

interface Props {
  loaded: LoadedArtifacts;
  phase: Phase;
  origin: ComponentChildren;
}

export function Artifacts({ loaded, phase, origin }: Props) {
  const { again } = loaded;
  const [own, setOwn] = useState(false);
  useSettled("artifacts", loaded.rows !== undefined || loaded.error !== undefined);
  const all = [...(loaded.rows ?? [])].sort((one, other) => one.name.localeCompare(other.name));
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
      {loaded.error && !loaded.rows && <Failure error={loaded.error} what="the artifacts" again={again} />}
      {!loaded.rows && !loaded.error && <Skeleton lines={4} />}
      {loaded.rows && rows.length === 0 && <p class="soft">{(all.length === 0 && origin) || none(phase, all.length)}</p>}
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

/** What is known of an empty list. It must not claim more. */
function none(phase: Phase, hidden: number): string {
  if (hidden > 0) return phase === "whole" ? "None of its own." : "None of its own yet.";
  if (phase === "running") return "Artifacts are stored when the task ends.";
  return phase === "ending" ? "None are stored yet." : "This attempt has stored none.";
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
