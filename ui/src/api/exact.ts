/** Parameters out of an answer's text, with every digit that was written: a float of JavaScript has 53 bits, an int of
 * Python any number. Loaded when it is needed, for most of it is a reader of JSON of its own. */

import { parse, stringify } from "lossless-json";

import type { Parameters } from "./types";

export function readParameters(text: string): Parameters {
  const { data } = parse(text) as { data: Record<string, { value: unknown }> };
  return Object.fromEntries(
    Object.entries(data).map(([name, { value }]) => [name, { text: whole(value), line: line(value), same: json(value) }]),
  );
}

const json = (value: unknown, indent?: number): string => stringify(value, null, indent) ?? "null";

/** A value alone as Python writes it (as artifacts are shown); what is more than one thing as JSON, laid out. */
function whole(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  return json(value, 2);
}

const line = (value: unknown): string => (typeof value === "object" && value !== null ? json(value) : whole(value));
