/** One box for every filter: what is typed is looked for among flows, tags, users, projects and branches. */

import { useEffect, useId, useRef, useState } from "preact/hooks";

import { suggestFlows, suggestTags, suggestTagValues } from "../api";
import { Icon } from "../parts";
import { useKeys } from "../shell";
import type { Field, Filter } from "./filters";

const WORDS: Record<Field, string> = {
  flow: "Flow",
  "flow-like": "Flow contains",
  run: "Run",
  user: "User",
  tag: "Tag",
  project: "Project",
  branch: "Branch",
};
export const fieldWord = (field: Field): string => WORDS[field];

const PREFIXES: Record<string, Field> = {
  flow: "flow",
  run: "run",
  user: "user",
  tag: "tag",
  project: "project",
  branch: "branch",
};
const WAIT_MS = 120; // for the next letter

/** `user:an` looks among users only. */
export function readTyped(typed: string): { field: Field | undefined; part: string } {
  const [, prefix, rest] = /^\s*(\w+):\s*(.*)$/.exec(typed) ?? [];
  const field = prefix === undefined ? undefined : PREFIXES[prefix.toLowerCase()];
  return field ? { field, part: (rest ?? "").trim() } : { field: undefined, part: typed.trim() };
}

async function suggest(typed: string, signal: AbortSignal): Promise<Filter[]> {
  const { field, part } = readTyped(typed);
  const ask: Partial<Record<Field, () => Promise<string[]>>> = {
    flow: () => suggestFlows(part, signal),
    user: () => suggestTagValues("user", part, signal),
    project: () => suggestTagValues("project", part, signal),
    branch: () => suggestTagValues("project_branch", part, signal),
    tag: () => suggestTags(part, signal),
  };
  const fields = field ? [field] : (Object.keys(ask) as Field[]);
  const most = field ? 8 : 4;
  const found = await Promise.all(
    fields.map(async (one) => {
      const values = await (ask[one]?.() ?? Promise.resolve([])).catch(() => []);
      return values.slice(0, most).map((value): Filter => ({ field: one, value }));
    }),
  );
  // Users and projects are tags too; they are listed under their own names.
  const own = found.flat().filter(({ field: f, value }) => f !== "tag" || field || !/^(user|project|project_branch):/.test(value));
  return [...asTyped(field, part), ...own];
}

/** What Enter does with the text as it stands. */
function asTyped(field: Field | undefined, part: string): Filter[] {
  if (!part) return [];
  if (field === "flow") return [{ field: "flow-like", value: part }];
  if (field) return field === "run" ? [{ field, value: part }] : [];
  return /^\d+$/.test(part) ? [{ field: "run", value: part }] : [{ field: "flow-like", value: part }];
}

export function SearchBox({ onPick }: { onPick: (filter: Filter) => void }) {
  const [typed, setTyped] = useState("");
  const [open, setOpen] = useState(false);
  const [found, setFound] = useState<Filter[]>([]);
  const [active, setActive] = useState(0);
  const input = useRef<HTMLInputElement>(null);
  const id = useId();

  useKeys([{ keys: "/", label: "Search and filter", run: () => input.current?.focus() }], []);

  useEffect(() => {
    if (!open) return;
    const controller = new AbortController();
    const timer = setTimeout(() => {
      void suggest(typed, controller.signal).then((filters) => {
        if (controller.signal.aborted) return;
        setFound(filters);
        setActive(0);
      });
    }, typed ? WAIT_MS : 0);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [typed, open]);

  const pick = (filter: Filter | undefined): void => {
    if (!filter) return;
    onPick(filter);
    setTyped("");
    setOpen(false);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      setOpen(true);
      setActive((old) => (old + step + found.length) % Math.max(found.length, 1));
    } else if (event.key === "Enter") {
      const { field, part } = readTyped(typed);
      // Faster than the suggestions: the text itself counts.
      const current = found[active];
      const late = current === undefined || (active === 0 && current.value !== part);
      pick(late ? (asTyped(field, part)[0] ?? current) : current);
    } else if (event.key === "Escape") {
      if (open) setOpen(false);
      else input.current?.blur();
    }
  };

  const shown = open && found.length > 0;
  return (
    <div class="search">
      <Icon name="search" size={14} />
      <input
        ref={input}
        class="input"
        type="text"
        role="combobox"
        aria-label="Search and filter runs"
        aria-expanded={shown}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={shown ? `${id}-${active}` : undefined}
        placeholder="Filter by flow, user, tag …"
        autocomplete="off"
        spellcheck={false}
        value={typed}
        onInput={(event) => {
          setTyped(event.currentTarget.value);
          setOpen(true);
        }}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={onKeyDown}
      />
      {!open && !typed && <kbd class="search-key">/</kbd>}
      <ul id={`${id}-list`} class="suggestions" role="listbox" aria-label="Suggestions" hidden={!shown}>
        {found.map((filter, index) => (
          <li
            key={`${filter.field} ${filter.value}`}
            id={`${id}-${index}`}
            class="suggestion"
            role="option"
            aria-selected={index === active}
            onMouseDown={(event) => {
              event.preventDefault(); // the box keeps the focus
              pick(filter);
            }}
            onMouseMove={() => setActive(index)}
          >
            <span class="suggestion-field">{WORDS[filter.field]}</span>
            <bdi class="cut">{filter.value}</bdi>
          </li>
        ))}
      </ul>
    </div>
  );
}
