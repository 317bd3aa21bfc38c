/** What a run is: status, times, who, tags, parameters, and what it ran with. */

import { useComputed } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";

import { fetchParameters, filterValue, fetchRunMetadata, useLoad, type Parameters, type UIMetadata, type UIRun, type UIStep } from "../api";
import { CopyButton, Duration, Skeleton, Status, Time, Value } from "../parts";
import { href, query, setQuery } from "../router";
import type { RunData } from "./runData";
import { TagEditor } from "./TagEditor";
import { environment, shortValue } from "./values";

const PARAMETERS_SHOWN = 6;
const ORIGIN_STEPS = 5;

export function RunHeader({ flow, id, data }: { flow: string; id: string; data: RunData }) {
  const run = data.run.value;
  const first = useComputed(() => firstStep(data.steps.value.values())).value;
  const steps = useComputed(() => data.steps.value.size).value;
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
      {run ? <Facts run={run} steps={steps} /> : <Skeleton height={24} />}
      {run ? (
        <TagEditor run={run} onChange={(tags) => (data.run.value = { ...run, tags })} />
      ) : (
        <Skeleton height={24} />
      )}
      <Details flow={flow} id={id} first={first} />
    </header>
  );
}

/** The step that began first; it may have any name. */
function firstStep(steps: Iterable<UIStep>): string | undefined {
  const own = [...steps].filter(({ step_name }) => !step_name.startsWith("_"));
  return own.sort((one, other) => one.ts_epoch - other.ts_epoch)[0]?.step_name;
}

/** The run that this one resumes. Its first tasks tell, some time after they are there: looked for with each of the first
 *  steps, until it is known. */
function useOrigin(run: UIRun, steps: number): string | undefined {
  const name = `${run.flow_id}/${run.run}`;
  const [known, setKnown] = useState<{ name: string; origin: string }>();
  const origin = known?.name === name ? known.origin : undefined;
  const looks = steps > 0 && origin === undefined;
  const found = useLoad(looks ? `origin ${name} ${Math.min(steps, ORIGIN_STEPS)} ${run.status}` : null, (signal) =>
    fetchRunMetadata(run.flow_id, run.run, { field_name: "origin-run-id", _limit: 1, _order: "-id" }, signal),
  );
  const value = found.data?.rows[0]?.value;
  useEffect(() => {
    if (value && value !== "None") setKnown({ name, origin: value });
  }, [name, value]);
  return origin;
}

function Facts({ run, steps }: { run: UIRun; steps: number }) {
  const running = run.status === "running";
  const origin = useOrigin(run, steps);
  return (
    <dl class="facts">
      <div>
        <dt class="unseen">Status</dt>
        <dd>
          <Status value={run.status} />
        </dd>
      </div>
      {origin && (
        <div>
          <dt>Resumed from</dt>
          <dd>
            <a href={href([run.flow_id, origin])}>
              <bdi>{origin}</bdi>
            </a>
          </dd>
        </div>
      )}
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
function Details({ flow, id, first }: { flow: string; id: string; first: string | undefined }) {
  const open = query.value["details"] === "open";
  const parameters = useLoad(`parameters ${flow}/${id}`, (signal) => fetchParameters(flow, id, signal));
  const metadata = useLoad(open && first ? JSON.stringify(["ran with", flow, id, first]) : null, (signal) =>
    fetchRunMetadata(flow, id, { step_name: filterValue(first!) }, signal),
  );
  const entries = Object.entries(parameters.data ?? {});
  const none = parameters.data !== undefined && entries.length === 0;
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
          {none ? "Ran with" : "Parameters"}
        </button>
        {!open && <ParametersInLine entries={entries} loading={parameters.loading} failed={Boolean(parameters.error)} />}
      </div>
      {open && (
        <div class="details-open">
          <ParameterTable entries={entries} error={parameters.error?.detail} />
          <Environment rows={first ? metadata.data?.rows : []} />
        </div>
      )}
    </section>
  );
}

type Entries = [string, Parameters[string]][];

function ParametersInLine({ entries, loading, failed }: { entries: Entries; loading: boolean; failed: boolean }) {
  if (entries.length === 0) return <span class="soft">{loading ? "" : failed ? "not readable" : "no parameters"}</span>;
  const more = entries.length - PARAMETERS_SHOWN;
  return (
    <span class="details-values">
      {entries.slice(0, PARAMETERS_SHOWN).map(([name, { line }]) => (
        <span key={name} class="parameter">
          <bdi class="soft">{name}</bdi> <bdi class="mono">{shortValue(line)}</bdi>
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
        {entries.map(([name, { text }]) => (
          <div key={name}>
            <dt>
              <bdi>{name}</bdi>
            </dt>
            <dd>
              <Value text={text} />
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
      {rows?.length === 0 && <p class="soft">Nothing is recorded of it yet.</p>}
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
