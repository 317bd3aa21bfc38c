/** The tags of a run. One's own can be added and removed; those that Metaflow gave stay. */

import { useRef, useState } from "preact/hooks";

import { ApiError, filterValue, mutateTags, suggestTags, useLoad, type UIRun } from "../api";
import { Icon, Tags } from "../parts";
import { href } from "../router";

const TRIES = 6; // two changes at once: the service lets one through and asks the other to come again
const WAIT_MS = 120;

export async function changeTags(flow: string, run: string, add: string[], remove: string[]): Promise<string[]> {
  for (let tried = 1; ; tried++) {
    try {
      return await mutateTags(flow, run, add, remove);
    } catch (reason) {
      if (!(reason instanceof ApiError) || reason.status !== 409 || tried === TRIES) throw reason;
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS * tried * (0.5 + Math.random())));
    }
  }
}

export function TagEditor({ run, onChange }: { run: UIRun; onChange: (tags: string[]) => void }) {
  const [editing, setEditing] = useState(false);
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const tags = [...(run.tags ?? [])].sort();
  const given = run.system_tags ?? [];

  const known = useKnownTags(editing ? typed : null).filter((tag) => !tags.includes(tag) && !given.includes(tag));

  const change = (add: string[], remove: string[]): void => {
    setBusy(true);
    setError("");
    changeTags(run.flow_id, run.run, add, remove)
      .then(
        (now) => {
          onChange(now);
          setTyped("");
        },
        (reason: unknown) => setError(words(reason)),
      )
      .finally(() => {
        setBusy(false);
        input.current?.focus();
      });
  };
  const add = (event: Event): void => {
    event.preventDefault();
    const tag = typed.trim();
    if (!tag) return;
    if (tags.includes(tag) || given.includes(tag)) setError(`The run has the tag ${tag} already.`);
    else change([tag], []);
  };

  if (!editing)
    return (
      <div class="tag-line">
        {tags.length > 0 && <Tags tags={tags} hrefOf={(tag) => href([], { _tags: filterValue(tag) })} />}
        <button type="button" class="button button-quiet tag-edit" onClick={() => setEditing(true)}>
          <Icon name="tag" size={14} />
          {tags.length > 0 ? "Edit tags" : "Add tags"}
        </button>
      </div>
    );
  return (
    <div class="tag-editor">
      <div class="tag-line">
        {tags.map((tag) => (
          <span key={tag} class="chip">
            <bdi class="chip-value">{tag}</bdi>
            <button
              type="button"
              class="chip-remove"
              disabled={busy}
              aria-label={`Remove the tag ${tag}`}
              onClick={() => change([], [tag])}
            >
              <Icon name="cross" size={12} />
            </button>
          </span>
        ))}
        <form class="tag-form" onSubmit={add}>
          <input
            ref={(element) => {
              if (element && !input.current) element.focus();
              input.current = element;
            }}
            class="input"
            aria-label="New tag"
            placeholder="New tag"
            value={typed}
            maxLength={500}
            list="known-tags"
            autocomplete="off"
            onInput={(event) => setTyped(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === "Escape") setEditing(false);
            }}
          />
          <datalist id="known-tags">
            {known.map((tag) => (
              <option key={tag} value={tag} />
            ))}
          </datalist>
          <button type="submit" class="button" disabled={busy || !typed.trim()}>
            Add
          </button>
          <button type="button" class="button button-quiet" onClick={() => setEditing(false)}>
            Done
          </button>
        </form>
      </div>
      <p class="tag-given soft">
        Given by Metaflow, and stay: <Tags tags={given} />
      </p>
      <p class="tag-error" role="alert">
        {error}
      </p>
    </div>
  );
}

/** Tags that other runs have and that hold the text. */
function useKnownTags(part: string | null): string[] {
  const found = useLoad(part === null ? null : `tags ${part}`, (signal) => suggestTags(part ?? "", signal));
  return found.data ?? [];
}

function words(reason: unknown): string {
  if (!(reason instanceof ApiError)) return String(reason);
  if (reason.unreachable) return "The metadata service does not answer. Nothing was changed.";
  if (reason.status === 409) return "Someone else is changing the tags of this run. Try again.";
  if (reason.status === 401 || reason.status === 403) return "You may look at this run, but not change it.";
  return reason.detail || "The tags could not be changed.";
}
