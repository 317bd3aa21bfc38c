/** The first page of an empty stack: how to point a flow at it, in lines to paste. */

import { CopyButton } from "../parts";
import { stack, useTitle } from "../shell";
import { exampleFlow, notebookSettings, shellSettings } from "./settings";

export function StartGuide({ empty = true }: { empty?: boolean }) {
  useTitle(empty ? "" : "Start");
  const client = stack.value?.client;
  return (
    <div class="start">
      <h1>{empty ? "No runs yet" : "Point a flow at this stack"}</h1>
      <p class="soft">
        {empty
          ? "This stack is up and waits for its first flow. It will appear here by itself."
          : "What runs with these settings is recorded here, from this machine or from a notebook."}
      </p>
      {/* The stack says how long the lines are: none of them moves when it has. */}
      <ol class="start-steps" style={stack.value === undefined ? { visibility: "hidden" } : {}}>
        <li>
          <h2>In the shell where you run flows</h2>
          <Paste text={client?.shell ?? shellSettings()} what="the shell settings" />
        </li>
        <li>
          <h2>Or in a notebook, before Metaflow is imported</h2>
          <Paste text={client?.notebook ?? notebookSettings()} what="the notebook cell" />
        </li>
        <li>
          <h2>Then run a flow</h2>
          <Paste text="python flow.py run" what="the command" />
          <details class="start-example">
            <summary>No flow at hand? Save this one as flow.py</summary>
            <Paste text={exampleFlow} what="the flow" />
          </details>
        </li>
      </ol>
    </div>
  );
}

function Paste({ text, what }: { text: string; what: string }) {
  return (
    <div class="paste">
      <pre tabIndex={0} aria-label={what}>
        {text.trimEnd()}
      </pre>
      <CopyButton text={text} label={`Copy ${what}`} small />
    </div>
  );
}
