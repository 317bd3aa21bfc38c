/** The values of a foreach that metadata keeps as the text of a PostgreSQL array: `{countries=de,"cities=Rio, Brazil"}`. */

/** One for each level, as it was before it was made an item: without quotes and backslashes. */
export function foreachValues(stack: string): string[] {
  if (!stack.startsWith("{") || !stack.endsWith("}")) return stack ? [stack] : [];
  const values: string[] = [];
  let value = "";
  let quoted = false;
  const inner = stack.slice(1, -1);
  for (let at = 0; at < inner.length; at++) {
    const one = inner[at]!;
    if (one === "\\" && at + 1 < inner.length) value += inner[++at]!;
    else if (one === '"') quoted = !quoted;
    else if (one === "," && !quoted) {
      values.push(value);
      value = "";
    } else value += one;
  }
  return value || values.length > 0 ? [...values, value] : values;
}

/** All levels in one line. */
export const foreachText = (stack: string): string => foreachValues(stack).join(", ");
