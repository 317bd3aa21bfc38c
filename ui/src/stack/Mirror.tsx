/** What would survive if this machine were taken away now. */

import type { StackMirror } from "../api";
import { Ago, Icon, Time, formatBytes } from "../parts";
import { verdict } from "./verdict";

const SECOND_MS = 1000;

/** Times of the stack are of its own clock; `skew` (ms) brings them to this browser's. */
export function Mirror({ mirror, skew }: { mirror: StackMirror | null; skew: number }) {
  if (!mirror) return null;
  const here = (seconds: number | null): number | null => (seconds === null ? null : seconds * SECOND_MS + skew);
  const saved = here(mirror.saved_at);
  const { kind, words } = verdict(mirror);
  // The stack's own words repeat ours when all is well.
  const detail = kind === "completed" ? null : mirror.detail;
  return (
    <section class="panel" aria-labelledby="mirror-title">
      <h2 id="mirror-title">Saved state</h2>
      <p class={`mirror-verdict is-${kind}`}>
        <Icon name={kind === "completed" ? "check" : kind === "running" ? "clock" : "warn"} />
        {words}
      </p>
      {detail && <p class="soft breaks">{detail}</p>}
      <dl class="facts">
        <div>
          <dt>Last saved</dt>
          <dd>
            <Ago at={saved} />
          </dd>
        </div>
        {mirror.degraded_since !== null && (
          <div>
            <dt>Degraded since</dt>
            <dd>
              <Time at={here(mirror.degraded_since)} />
            </dd>
          </div>
        )}
        {mirror.behind_bytes !== null && (
          <div>
            <dt>Not yet saved</dt>
            <dd class="num">{formatBytes(mirror.behind_bytes)}</dd>
          </div>
        )}
        {mirror.newest_base_at !== null && (
          <div>
            <dt>Newest base backup</dt>
            <dd>
              <Ago at={here(mirror.newest_base_at)} />
            </dd>
          </div>
        )}
        {mirror.bytes_per_minute !== null && (
          <div>
            <dt>Writes</dt>
            <dd class="num">
              {formatBytes(Math.round(mirror.bytes_per_minute))}/min
              {mirror.files_per_minute !== null && ` in ${Math.round(mirror.files_per_minute * 10) / 10} files`}
            </dd>
          </div>
        )}
        {mirror.holder && (
          <div>
            <dt>Held by</dt>
            <dd class="mono breaks">{mirror.holder}</dd>
          </div>
        )}
      </dl>
    </section>
  );
}
