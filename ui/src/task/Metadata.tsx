/** Everything that is recorded of an attempt, the newest value of each field. */

import type { Phase, UIMetadata } from "../api";
import { Time } from "../parts";
import { LongText } from "./LongText";
import { Section } from "./Section";

export function Metadata({ rows, phase }: { rows: readonly UIMetadata[]; phase: Phase }) {
  const newest = new Map(rows.map((row) => [row.field_name, row]));
  const shown = [...newest.values()].sort((one, other) => one.field_name.localeCompare(other.field_name));
  return (
    <Section id="metadata" title="Metadata" count={shown.length}>
      {shown.length === 0 ? (
        <p class="soft">Nothing is recorded of this attempt{phase === "whole" ? "" : " yet"}.</p>
      ) : (
        <table class="task-table">
          <thead>
            <tr>
              <th scope="col">Field</th>
              <th scope="col">Value</th>
              <th scope="col" class="task-wide">
                Time
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr key={row.id}>
                <th scope="row" class="breaks">
                  <bdi>{row.field_name}</bdi>
                </th>
                <td>
                  <LongText text={row.value} name={row.field_name} />
                </td>
                <td class="task-wide soft">
                  <Time at={row.ts_epoch} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Section>
  );
}
