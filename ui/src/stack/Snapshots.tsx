/** What was kept under a name. */

import type { StackSnapshot } from "../api";
import { Status, Time, formatBytes, formatCount } from "../parts";

const SECOND_MS = 1000;

export function Snapshots({ snapshots, skew }: { snapshots: readonly StackSnapshot[]; skew: number }) {
  return (
    <section class="panel" aria-labelledby="snapshots-title">
      <h2 id="snapshots-title">Snapshots</h2>
      {snapshots.length === 0 ? (
        <p class="soft">
          None yet. On the command line, <code>snapshot --name NAME</code> keeps the database as it is now.
        </p>
      ) : (
        <div class="panel-scroll" tabIndex={0} role="group" aria-label="List of snapshots">
          <table class="plain">
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Taken</th>
                <th scope="col" class="right">
                  Size
                </th>
                <th scope="col" class="right">
                  Rows
                </th>
                <th scope="col">Origin</th>
                <th scope="col">Verified</th>
              </tr>
            </thead>
            <tbody>
              {snapshots.map((one) => (
                <tr key={one.name}>
                  <td class="breaks">
                    <bdi>{one.name}</bdi>
                  </td>
                  <td>
                    <Time at={one.time === null ? null : one.time * SECOND_MS + skew} />
                  </td>
                  <td class="num right">{one.bytes === null ? "–" : formatBytes(one.bytes)}</td>
                  <td class="num right">{one.rows === null ? "–" : formatCount(one.rows)}</td>
                  <td class="soft breaks">{one.origin ?? "–"}</td>
                  <td>
                    {one.verified === null ? <span class="soft">not yet</span> : <Verified good={one.verified} />}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Verified({ good }: { good: boolean }) {
  return good ? (
    <span class="is-completed">yes</span>
  ) : (
    <Status value="failed" />
  );
}
