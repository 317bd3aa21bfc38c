/** The keys that work here. */

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

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
        </>
      )}
    </dialog>
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
