/** Values of parameters as text, and the metadata that tells what a run ran with. */

import type { UIMetadata } from "../api";

const SHORT_CHARACTERS = 32;

/** So much of a value as fits in a line with others. */
export function shortValue(text: string): string {
  const line = text.replace(/\s+/g, " ");
  return line.length > SHORT_CHARACTERS ? `${line.slice(0, SHORT_CHARACTERS - 1)}…` : line || '""';
}

const TOLD: Record<string, string> = {
  "script-name": "Script",
  metaflow_version: "Metaflow",
  python_version: "Python",
  runtime: "Runtime",
  "ds-type": "Datastore",
  "ds-root": "Datastore root",
  "code-package-url": "Code package",
};

/** The newest word on each thing worth telling, in a fixed order. */
export function environment(rows: readonly UIMetadata[]): [name: string, value: string][] {
  const newest = new Map<string, UIMetadata>();
  for (const row of rows) {
    const old = newest.get(row.field_name);
    if (!old || row.ts_epoch > old.ts_epoch) newest.set(row.field_name, row);
  }
  return Object.entries(TOLD).flatMap(([field, name]): [string, string][] => {
    const value = newest.get(field)?.value;
    return value && value !== "None" ? [[name, value]] : [];
  });
}
