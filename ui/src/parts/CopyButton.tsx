/** Copies a text, and says that it did. A text that is dear to make may be given as a function. */

import { useEffect, useState } from "preact/hooks";

import { Icon } from "./Icon";

const SAYS_SO_MS = 1600;

interface Props {
  text: string | (() => string);
  label?: string;
  small?: boolean;
}

export function CopyButton({ text, label = "Copy", small = false }: Props) {
  const [outcome, setOutcome] = useState<"" | "Copied" | "Could not copy">("");
  useEffect(() => {
    if (!outcome) return;
    const timer = setTimeout(() => setOutcome(""), SAYS_SO_MS);
    return () => clearTimeout(timer);
  }, [outcome]);

  const copy = (): void => void copyText(typeof text === "string" ? text : text()).then((done) => setOutcome(done ? "Copied" : "Could not copy"));
  return (
    <button type="button" class={small ? "button button-icon button-quiet" : "button"} onClick={copy} title={label} aria-label={label}>
      <Icon name={outcome === "Copied" ? "check" : "copy"} size={14} />
      {!small && <span class="button-text">{outcome || label}</span>}
      <span class="unseen" role="status">
        {outcome}
      </span>
    </button>
  );
}

/** The clipboard is closed to pages that came over plain HTTP from another host; a selection still can be copied. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- the only way left there
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
