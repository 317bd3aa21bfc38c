/** A text that may be long: its beginning, and all of it when asked for. */

import { useState } from "preact/hooks";

import { CopyButton } from "../parts";

const PREVIEW_CHARS = 180;

export function LongText({ text, name }: { text: string; name: string }) {
  const [open, setOpen] = useState(false);
  const long = text.length > PREVIEW_CHARS || text.includes("\n");
  return (
    <div class="long-text">
      {/* What can be scrolled must be reachable with the keys. */}
      <pre class={`breaks${open ? " is-open" : ""}`} tabIndex={open ? 0 : undefined} aria-label={open ? name : undefined} role={open ? "region" : undefined}>
        <bdi>{open || !long ? text : `${text.slice(0, PREVIEW_CHARS).split("\n", 1)[0]!} …`}</bdi>
      </pre>
      {long && (
        <span class="long-text-tools">
          <button type="button" class="button button-quiet" aria-expanded={open} onClick={() => setOpen(!open)}>
            {open ? "Less" : "More"}
          </button>
          <CopyButton text={text} label={`Copy the value of ${name.slice(0, 80)}`} small />
        </span>
      )}
    </div>
  );
}
