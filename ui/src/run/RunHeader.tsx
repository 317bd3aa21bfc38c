/** What a run is: status, times, who, tags, parameters, and what it ran with. */

import { fetchParameters, filterValue, fetchRunMetadata, useLoad, type Parameters, type UIMetadata, type UIRun } from "../api";
import { CopyButton, Duration, Skeleton, Status, Time, Value } from "../parts";
import { href, query, setQuery } from "../router";
import type { RunData } from "./runData";
import { TagEditor } from "./TagEditor";
import { environment, shortValue, wholeValue } from "./values";

const PARAMETERS_SHOWN = 6;

export function RunHeader({ flow, id, data }: { flow: string; id: string; data: RunData }) {
  const run = data.run.value;
  return (
    <header class="run-header">
      <div class="run-title">
        <h1 class="breaks">
          <a href={href([], { flow_id: filterValue(flow) })} title="All runs of this flow">
            <bdi>{flow}</bdi>
          </a>
          <span class="soft"> / </span>
          <bdi>{id}</bdi>
        </h1>
        <CopyButton text={`${flow}/${id}`} label="Copy the run's path" small />
      </div>
      {run ? <Facts run={run} /> : <Skeleton height={24} />}
      {run ? (
        <TagEditor run={run} onChange={(tags) => (data.run.value = { ...run, tags })} />
      ) : (
        <Skeleton height={24} />
      )}
      <Details flow={flow} id={id} />
    </header>
  );
}

function Facts({ run }: { run: UIRun }) {
  const running = run.status === "running";
  return (
    <dl class="facts">
      <div>
        <dt class="unseen">Status</dt>
        <dd>
          <Status value={run.status} />
        </dd>
      </div>
      <div>
        <dt>Started</dt>
        <dd>
          <Time at={run.ts_epoch} />
        </dd>
      </div>
      {!running && run.finished_at !== null && (
        <div>
          <dt>Finished</dt>
          <dd>
            <Time at={run.finished_at} />
          </dd>
        </div>
      )}
      <div>
        <dt>Duration</dt>
        <dd>
          <Duration ms={run.duration} since={running ? run.ts_epoch : undefined} />
        </dd>
      </div>
      <div>
        <dt>User</dt>
        <dd>
          {run.user ? (
            <a href={href([], { user: filterValue(run.user) })}>
              <bdi>{run.user}</bdi>
            </a>
          ) : (
            <bdi>{run.user_name ?? "–"}</bdi>
          )}
        </dd>
      </div>
    </dl>
  );
}

/** Parameters in a line; opened, whole, with what the run ran with beside them. */
function Details({ flow, id }: { flow: string; id: string }) {
  const open = query.value["details"] === "open";
  const parameters = useLoad(`parameters ${flow}/${id}`, (signal) => fetchParameters(flow, id, signal));
  const metadata = useLoad(open ? `start ${flow}/${id}` : null, (signal) =>
    fetchRunMetadata(flow, id, { step_name: "start" }, signal),
  );
  const entries = Object.entries(parameters.data ?? {});
  return (
    <section class="details" aria-label="Parameters">
      <div class="details-line">
        <button
          type="button"
          class="button button-quiet details-toggle"
          aria-expanded={open}
          onClick={() => setQuery({ details: open ? undefined : "open" }, { replace: true })}
        >
          <span class="details-mark" aria-hidden="true">
            ▸
          </span>
          Parameters
        </button>
        {!open && <ParametersInLine entries={entries} loading={parameters.loading} failed={Boolean(parameters.error)} />}
      </div>
      {open && (
        <div class="details-open">
          <ParameterTable entries={entries} error={parameters.error?.detail} />
          <Environment rows={metadata.data?.rows} />
        </div>
      )}
    </section>
  );
}

type Entries = [string, Parameters[string]][];

function ParametersInLine({ entries, loading, failed }: { entries: Entries; loading: boolean; failed: boolean }) {
  if (entries.length === 0) return <span class="soft">{loading ? "" : failed ? "not readable" : "none"}</span>;
  const more = entries.length - PARAMETERS_SHOWN;
  return (
    <span class="details-values">
      {entries.slice(0, PARAMETERS_SHOWN).map(([name, { value }]) => (
        <span key={name} class="parameter">
          <bdi class="soft">{name}</bdi> <bdi class="mono">{shortValue(value)}</bdi>
        </span>
      ))}
      {more > 0 && <span class="soft">and {more} more</span>}
    </span>
  );
}

function ParameterTable({ entries, error }: { entries: Entries; error: string | undefined }) {
  return (
    <div>
      <h2>Parameters</h2>
      {entries.length === 0 && <p class="soft breaks">{error || "This run has none."}</p>}
      <dl class="pairs">
        {entries.map(([name, { value }]) => (
          <div key={name}>
            <dt>
              <bdi>{name}</bdi>
            </dt>
            <dd>
              <Value text={wholeValue(value)} />
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

function Environment({ rows }: { rows: readonly UIMetadata[] | undefined }) {
  return (
    <div>
      <h2>Ran with</h2>
      {rows ? (
        <dl class="pairs">
          {environment(rows).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd class="breaks mono">{value}</dd>
            </div>
          ))}
        </dl>
      ) : (
        <Skeleton lines={4} />
      )}
    </div>
  );
}
