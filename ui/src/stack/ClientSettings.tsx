/** Lines to paste where flows run. */

import type { StackInfo } from "../api";
import { CopyButton } from "../parts";

export function ClientSettings({ client }: { client: StackInfo["client"] }) {
  if (!client) return null;
  return (
    <section class="panel" aria-labelledby="client-title">
      <h2 id="client-title">Use it from a flow</h2>
      <div class="client">
        <Lines title="Shell" text={client.shell} />
        <Lines title="Notebook" text={client.notebook} />
      </div>
    </section>
  );
}

function Lines({ title, text }: { title: string; text: string | null }) {
  if (!text) return null;
  return (
    <div>
      <h3>{title}</h3>
      <div class="paste">
        <pre tabIndex={0} aria-label={`Settings for the ${title.toLowerCase()}`}>
          {text.trimEnd()}
        </pre>
        <CopyButton text={text} label={`Copy the settings for the ${title.toLowerCase()}`} small />
      </div>
    </div>
  );
}
