/** Values of parameters as text. */

import { exactText } from "../api";

/** A value alone as Python writes it (as artifacts are shown); what is more than one thing as JSON, laid out. */
export function wholeValue(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  return exactText(value, 2);
}
