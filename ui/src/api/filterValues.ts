/** Lists of values in filters: a comma parts them, and one that belongs to a value has a backslash before it. Pure.
 *  docs/wire-contract.md, 1.1; an official backend knows no such commas. */

/** One value as a filter has it. */
export const filterValue = (value: string): string => value.replace(/(\\*),/g, "$1$1\\,");

export function joinValues(values: readonly string[]): string {
  const last = values.length - 1;
  // A backslash at the end of a value would take the comma behind it.
  return values.map((value, n) => (n < last ? filterValue(value).replace(/\\+$/, (end) => end + end) : filterValue(value))).join(",");
}

export function splitValues(text: string | undefined): string[] {
  if (!text) return [];
  const values = [""];
  const add = (part: string): void => {
    values.push((values.pop() ?? "") + part);
  };
  let from = 0;
  for (const found of text.matchAll(/(\\*),/g)) {
    const slashes = found[1]!.length;
    add(text.slice(from, found.index) + "\\".repeat(Math.floor(slashes / 2)));
    if (slashes % 2) add(",");
    else values.push("");
    from = found.index + found[0].length;
  }
  add(text.slice(from));
  return values.filter(Boolean);
}
