/** Runs side by side: what they were given, how long they took and what came out, with the differences marked. */

import type { ComponentChildren } from "preact";

import {
  fetchParameters,
  fetchRun,
  fetchStepArtifacts,
  fetchSteps,
  useLoad,
  type ApiError,
  type UIArtifact,
  type UIRun,
  type UIStep,
  type Parameters,
} from "../api";
import { Empty, Skeleton, Status, formatDuration, formatFullTime, Icon, Value } from "../parts";
import { href, query, setQuery } from "../router";
import { AddRun } from "./AddRun";
import {
  artifactCells,
  lastStep,
  nameText,
  parameterCells,
  readNames,
  row,
  rowsOf,
  stepDurations,
  tagCell,
  writeNames,
  type Name,
  type Row,
} from "./differences";

interface Column {
  name: Name;
  run: UIRun | undefined;
  parameters: Parameters | undefined;
  steps: UIStep[] | undefined;
  error: ApiError | undefined;
}

type Artifacts = readonly (UIArtifact[] | undefined)[];

/** What one run lacks (no parameters stored, no such step) must not hide what it has. */
const orNothing = <T,>(asked: Promise<T>): Promise<T | undefined> => asked.catch(() => undefined);

async function load(name: Name, signal: AbortSignal): Promise<Column> {
  const { flow, run } = name;
  const [found, parameters, steps] = await Promise.all([
    fetchRun(flow, run, signal).then(
      (value) => ({ value, error: undefined }),
      (error: unknown) => ({ value: undefined, error: error as ApiError }),
    ),
    orNothing(fetchParameters(flow, run, signal)),
    orNothing(fetchSteps(flow, run, signal)),
  ]);
  return { name, run: found.value, error: found.error, parameters, steps };
}

export function ComparePage({ flow, run }: Name) {
  const first = { flow, run };
  const names = readNames(first, query.value["with"]);
  const key = JSON.stringify(names.map(nameText));
  const columns = useLoad(`compare ${key}`, (signal) => Promise.all(names.map((name) => load(name, signal))));
  const step = query.value["step"] ?? lastStep(columns.data ?? []);
  const artifacts = useLoad(step === undefined ? null : JSON.stringify([key, step]), (signal) =>
    Promise.all(names.map((one) => orNothing(fetchStepArtifacts(one.flow, one.run, step!, signal).then(({ rows }) => rows)))),
  );
  const others = names.slice(1);
  const setOthers = (next: readonly Name[]): void => setQuery({ with: writeNames(next) });
  return (
    <>
      <div class="toolbar-line compare-tools">
        <AddRun flow={flow} taken={names} onAdd={(name) => setOthers([...others, name])} />
        {others.length > 0 && (
          <label class="check">
            <input
              type="checkbox"
              checked={query.value["only"] === "differences"}
              onChange={(event) => setQuery({ only: event.currentTarget.checked ? "differences" : undefined })}
            />
            Differences only
          </label>
        )}
      </div>
      {others.length === 0 ? (
        <Empty title="Choose a run to compare with">
          <p>Type its number above, or tick runs in the list of runs and compare those.</p>
        </Empty>
      ) : columns.data ? (
        <Comparison
          columns={columns.data}
          step={step}
          artifacts={artifacts.data}
          onRemove={(name) => setOthers(others.filter((o) => o.run !== name.run || o.flow !== name.flow))}
        />
      ) : (
        <Skeleton height={320} />
      )}
    </>
  );
}

interface ComparisonProps {
  columns: readonly Column[];
  /** Whose artifacts are shown; none where no run has any step. */
  step: string | undefined;
  artifacts: Artifacts | undefined;
  onRemove: (name: Name) => void;
}

function Comparison({ columns, step, artifacts, onRemove }: ComparisonProps) {
  const steps = [...new Set(columns.flatMap((one) => [...stepDurations(one.steps ?? []).keys()]))];
  const overview = [
    row("Status", columns.map(({ run }) => run && { text: run.status })),
    row("Started", columns.map(({ run }) => run && { text: formatFullTime(run.ts_epoch).slice(0, 19), same: "" })),
    row("User", columns.map(({ run }) => run && { text: run.user ?? run.user_name ?? "–" })),
    row("Tags", columns.map(({ run }) => run && tagCell(run))),
  ];
  return (
    <div class="compare-frame" tabIndex={0} role="region" aria-label="Comparison">
      <table class="compare" style={{ "--columns": columns.length }}>
        <thead>
          <tr>
            <td />
            {columns.map((column, index) => (
              <Heading key={nameText(column.name)} column={column} onRemove={index > 0 ? onRemove : undefined} />
            ))}
          </tr>
        </thead>
        <Section title="Run" rows={overview} status />
        <Section title="Parameters" rows={rowsOf(columns.map((one) => one.parameters && parameterCells(one.parameters)))} />
        <Durations columns={columns} />
        <Section
          title="Artifacts"
          rows={rowsOf(columns.map((one, n) => artifacts?.[n] && artifactCells(artifacts[n], one.parameters)))}
          aside={step !== undefined && <StepChoice steps={steps} step={step} />}
          loading={step !== undefined && !artifacts}
        />
      </table>
    </div>
  );
}

function Heading({ column, onRemove }: { column: Column; onRemove: ((name: Name) => void) | undefined }) {
  const { flow, run } = column.name;
  return (
    <th scope="col">
      <span class="compare-name">
        <a href={href([flow, run])} class="breaks">
          <bdi>{flow}</bdi> / <bdi>{run}</bdi>
        </a>
        {onRemove && (
          <button
            type="button"
            class="chip-remove"
            aria-label={`Leave out ${nameText(column.name)}`}
            onClick={() => onRemove(column.name)}
          >
            <Icon name="cross" size={12} />
          </button>
        )}
      </span>
      {column.error && <span class="compare-missing">{column.error.notFound ? "no such run" : "not readable"}</span>}
    </th>
  );
}

interface SectionProps {
  title: string;
  rows: readonly Row[];
  aside?: ComponentChildren;
  status?: boolean;
  loading?: boolean;
}

function Section({ title, rows, aside, status = false, loading = false }: SectionProps) {
  const only = query.value["only"] === "differences";
  const shown = only ? rows.filter(({ differs }) => differs) : rows;
  const columns = rows[0]?.cells.length ?? 1;
  return (
    <tbody>
      <tr class="compare-section">
        <th scope="rowgroup" colSpan={columns + 1}>
          {title} {aside}
        </th>
      </tr>
      {shown.length === 0 && (
        <tr>
          <td class="soft" colSpan={columns + 1}>
            {loading ? "Loading …" : rows.length === 0 ? "None" : "No differences"}
          </td>
        </tr>
      )}
      {shown.map(({ label, cells, differs }) => (
        <tr key={label} class={differs ? "differs" : undefined}>
          <RowHead label={label} differs={differs} />
          {cells.map((cell, index) => (
            <td key={index}>
              {cell === undefined ? (
                <span class="nothing">–</span>
              ) : status && label === "Status" ? (
                <Status value={cell.text} />
              ) : cell.text === "" ? (
                <span class="nothing">empty</span>
              ) : (
                <Value text={cell.text} />
              )}
            </td>
          ))}
        </tr>
      ))}
    </tbody>
  );
}

function RowHead({ label, differs }: { label: string; differs: boolean }) {
  return (
    <th scope="row">
      <bdi class="breaks">{label}</bdi>
      {differs && (
        <span class="differs-mark" title="Differs">
          <span aria-hidden="true">≠</span>
          <span class="unseen">differs</span>
        </span>
      )}
    </th>
  );
}

/** Whole runs and their steps, each with a bar against the longest in its row. */
function Durations({ columns }: { columns: readonly Column[] }) {
  const perStep = columns.map((one) => stepDurations(one.steps ?? []));
  const names = [...new Set(perStep.flatMap((steps) => [...steps.keys()]))];
  const rows: [string, (number | null | undefined)[]][] = [
    ["Whole run", columns.map(({ run }) => run?.duration)],
    ...names.map((name): [string, (number | null | undefined)[]] => [name, perStep.map((steps) => steps.get(name))]),
  ];
  return (
    <tbody>
      <tr class="compare-section">
        <th scope="rowgroup" colSpan={columns.length + 1}>
          Durations
        </th>
      </tr>
      {rows.map(([label, spans]) => {
        const longest = Math.max(1, ...spans.map((span) => span ?? 0));
        return (
          <tr key={label}>
            <RowHead label={label} differs={false} />
            {spans.map((span, index) => (
              <td key={index}>
                {span === null || span === undefined ? (
                  <span class="nothing">–</span>
                ) : (
                  <span class="span">
                    <span class="num span-text">{formatDuration(span)}</span>
                    <span class="span-track">
                      <span class="span-bar" style={{ width: `${(Math.max(0, span) / longest) * 100}%` }} />
                    </span>
                  </span>
                )}
              </td>
            ))}
          </tr>
        );
      })}
    </tbody>
  );
}

function StepChoice({ steps, step }: { steps: readonly string[]; step: string }) {
  return (
    <label class="compare-step">
      <span class="soft">of step</span>
      <select
        class="input"
        value={step}
        onChange={(event) => setQuery({ step: event.currentTarget.value })}
      >
        {[...new Set([...steps, step])].map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
