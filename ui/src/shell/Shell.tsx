/** What stands around every view: header, notice of an outage, help, and the place for faults. */

import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";

import { reachable } from "../api";
import { connection } from "../live";
import { Icon } from "../parts";
import { go, href, place } from "../router";
import { Boundary } from "./Boundary";
import { Help, helpOpen } from "./Help";
import { useKeys } from "./keyboard";
import { stack } from "./stack";
import { nextTheme, theme } from "./theme";

const THEME_ICONS = { system: "screen", light: "sun", dark: "moon" } as const;

export function Shell({ children }: { children: ComponentChildren }) {
  useKeys(
    [
      { keys: "g h", label: "Go to the runs", run: () => go(href([])) },
      ...(stack.value ? [{ keys: "g s", label: "Go to the stack", run: () => go(href(["-", "stack"])) }] : []),
      { keys: "t", label: "Light, dark, or as the system", run: nextTheme },
      { keys: "?", label: "Show these keys", run: () => (helpOpen.value = true) },
    ],
    [stack.value === undefined || stack.value === null],
  );
  return (
    <div class="app">
      <a
        class="skip"
        href="#main"
        data-external
        onClick={(event) => {
          event.preventDefault();
          document.getElementById("main")?.focus();
        }}
      >
        Skip to the content
      </a>
      <Header />
      <Outage />
      <main id="main" class="main" tabIndex={-1}>
        <Boundary place={place.value.parts.join("/")}>{children}</Boundary>
      </main>
      <Help />
    </div>
  );
}

function Header() {
  const [first, second] = place.value.parts;
  const own = first === "-" ? second : "runs";
  return (
    <header class="header">
      <a class="brand" href={href([])} aria-label="Metaflow, all runs">
        <svg class="brand-mark" width="20" height="20" viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="8" fill="currentColor" />
          <path
            d="M7 22V12l5 6 4-6 4 6 5-6v10"
            fill="none"
            stroke="var(--page)"
            stroke-width="2.8"
            stroke-linecap="round"
            stroke-linejoin="round"
          />
        </svg>
        <span class="brand-name">Metaflow</span>
      </a>
      <nav aria-label="Main">
        <a class="header-link" href={href([])} aria-current={own === "runs" ? "page" : undefined}>
          Runs
        </a>
        {stack.value && (
          <a class="header-link" href={href(["-", "stack"])} aria-current={own === "stack" ? "page" : undefined}>
            Stack
          </a>
        )}
        <a class="header-link" href={href(["-", "start"])} aria-current={own === "start" ? "page" : undefined}>
          Start
        </a>
      </nav>
      <span class="header-space" />
      <Live />
      <button
        type="button"
        class="button button-icon button-quiet"
        onClick={nextTheme}
        title={`Theme: ${theme.value}`}
        aria-label={`Theme: ${theme.value}. Change it`}
      >
        <Icon name={THEME_ICONS[theme.value]} />
      </button>
      <button
        type="button"
        class="button button-icon button-quiet"
        onClick={() => (helpOpen.value = true)}
        title="Keys (?)"
        aria-label="Show the keys"
      >
        <Icon name="help" />
      </button>
    </header>
  );
}

function Live() {
  const state = connection.value;
  if (state === "idle") return null;
  const word = { connecting: "Connecting", open: "Live", lost: "Not live" }[state];
  return (
    <span class={`live-dot is-${state}`} title={`${word}: changes ${state === "open" ? "" : "do not "}show by themselves`}>
      <span class="live-word">{word}</span>
    </span>
  );
}

function Outage() {
  const down = !reachable.value;
  return (
    <div role="status" aria-live="polite">
      {down && (
        <div class="notice">
          <Icon name="warn" />
          Backend not reachable, trying again …
        </div>
      )}
    </div>
  );
}

/** Titles of what is on the screen; the last one that came counts, and those before it again when it has gone. */
const titles: { text: string }[] = [];

function showTitle(): void {
  const text = titles[titles.length - 1]?.text;
  document.title = text ? `${text} · Metaflow` : "Metaflow";
}

/** Names the page, for the browser's tab and history. */
export function useTitle(title: string): void {
  useEffect(() => {
    const own = { text: title };
    titles.push(own);
    showTitle();
    return () => {
      titles.splice(titles.indexOf(own), 1);
      if (titles.length) showTitle(); // another view names itself in a moment
    };
  }, [title]);
}
