/** Values of parameters as text, and the metadata that tells what a run ran with. */

import { exactText, type UIMetadata } from "../api";
import { wholeValue } from "../parts/wholeValue";

const SHORT_CHARACTERS = 32;

export function shortValue(value: unknown): string {
  const text = typeof value === "object" && value !== null ? exactText(value) : wholeValue(value);
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
