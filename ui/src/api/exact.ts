/** JSON whose numbers keep every digit that was written: a float of JavaScript has 53 bits, an int of Python any number. */

import { parse, stringify } from "lossless-json";

export { parse as parseExact };

/** The JSON of a value that was read so. */
export const exactText = (value: unknown, indent?: number): string => stringify(value, null, indent) ?? "null";
