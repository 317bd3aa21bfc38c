/** The keys that work here. */

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { fetchLinks, useLoad } from "../api";
import { Icon } from "../parts";
import { keysInForce } from "./keyboard";

export const helpOpen = signal(false);

export function Help() {
  const dialog = useRef<HTMLDialogElement>(null);
  const open = helpOpen.value;
  useEffect(() => {
    if (open && !dialog.current?.open) dialog.current?.showModal();
    if (!open) dialog.current?.close();
  }, [open]);
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="help-title" onClose={() => (helpOpen.value = false)}>
      {open && (
        <>
          <div class="dialog-head">
            <h2 id="help-title">Keys</h2>
            <button
              type="button"
              class="button button-icon button-quiet"
              aria-label="Close"
              onClick={() => (helpOpen.value = false)}
            >
              <Icon name="cross" />
            </button>
          </div>
          <dl class="keys">
            {keysInForce().map((key) => (
              <KeyLine key={key.keys} keys={key.keys} label={key.label} />
            ))}
          </dl>
          <Links />
        </>
      )}
    </dialog>
  );
}

/** `javascript:` and the like are no links of ours, whoever configured them. */
const safe = (address: string): boolean => /^(https?:|mailto:|\/)/i.test(address);

function Links() {
  const links = useLoad("links", fetchLinks).data?.filter(({ href }) => safe(href)) ?? [];
  if (links.length === 0) return null;
  return (
    <ul class="help-links">
      {links.map(({ href, label }) => (
        <li key={href}>
          <a href={href} target="_blank" rel="noreferrer">
            {label}
          </a>
        </li>
      ))}
    </ul>
  );
}

function KeyLine({ keys, label }: { keys: string; label: string }) {
  return (
    <>
      <dt>
        {keys.split(" ").map((key, index) => (
          <>
            {index > 0 && " "}
            <kbd>{key}</kbd>
          </>
        ))}
      </dt>
      <dd>{label}</dd>
    </>
  );
}
