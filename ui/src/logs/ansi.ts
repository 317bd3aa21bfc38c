/** Text with terminal colours, as pieces of plain text and how each looks. Only colours and styles are taken from escape
 * sequences; all others (cursor movement, titles, links, anything unknown) are dropped. Pure; makes no markup. */

export interface Look {
  /** 0 to 15 for the terminal's own colours, or `#rrggbb`. */
  fg?: number | string;
  bg?: number | string;
  bold?: boolean;
  dim?: boolean;
  italic?: boolean;
  underline?: boolean;
  strike?: boolean;
}

export interface Piece {
  text: string;
  look: Look;
}

interface State extends Look {
  inverse?: boolean;
}

/** The longest sequence that is looked for; what is longer is no sequence, but text with an escape in it. */
const LONGEST_SEQUENCE = 4096;
const ESC = 0x1b;
const BELL = 0x07;
const C1_CSI = 0x9b;
// DCS, SOS, OSC, PM, APC: a string follows, up to a terminator.
const STRINGS = new Set(["P", "X", "]", "^", "_"]);
const C1_STRINGS = new Set([0x90, 0x98, 0x9d, 0x9e, 0x9f]);

/** The pieces of one line. Colours do not reach over its end. */
export function parseAnsi(line: string): Piece[] {
  const text = lastWritten(line);
  if (!hasControls(text)) return text ? [{ text, look: {} }] : [];
  const pieces: Piece[] = [];
  let state: State = {};
  let from = 0;
  const flush = (to: number) => {
    if (to > from) add(pieces, text.slice(from, to), state);
  };
  for (let i = 0; i < text.length; ) {
    const code = text.charCodeAt(i);
    if (!isControl(code)) {
      i++;
      continue;
    }
    flush(i);
    const sequence = code === ESC || code >= 0x80 ? sequenceAt(text, i) : { end: i + 1, sgr: null };
    if (sequence.sgr !== null) state = applied(state, sequence.sgr);
    i = from = sequence.end;
  }
  flush(text.length);
  return pieces;
}

/** The text that the pieces of a line have together: what can be searched and copied. */
export function plain(line: string): string {
  const text = lastWritten(line);
  return hasControls(text) ? parseAnsi(line).map((piece) => piece.text).join("") : text;
}

/** A progress bar writes over its own line; what it wrote last is what a terminal shows. */
export function lastWritten(line: string): string {
  if (!line.includes("\r")) return line;
  const written = line.split("\r").filter((part) => part !== "");
  return written[written.length - 1] ?? "";
}

function isControl(code: number): boolean {
  return (code < 0x20 && code !== 0x09) || (code >= 0x7f && code <= 0x9f);
}

function hasControls(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (isControl(text.charCodeAt(i))) return true;
  return false;
}

function add(pieces: Piece[], text: string, state: State): void {
  const { inverse, ...look } = state;
  if (inverse) {
    look.fg = state.bg ?? "inverse";
    look.bg = state.fg ?? "inverse";
  }
  const last = pieces[pieces.length - 1];
  if (last && same(last.look, look)) last.text += text;
  else pieces.push({ text, look });
}

function same(one: Look, other: Look): boolean {
  const keys = Object.keys(one) as (keyof Look)[];
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
}

/** Where the sequence that begins at `at` ends, and its parameters if it says how text shall look. */
function sequenceAt(text: string, at: number): { end: number; sgr: string | null } {
  const first = text.charCodeAt(at);
  const kind = first === ESC ? (text[at + 1] ?? "") : "";
  const afterKind = first === ESC ? at + 2 : at + 1;
  if (first === C1_CSI || kind === "[") return controlSequence(text, afterKind);
  if (C1_STRINGS.has(first) || STRINGS.has(kind)) return { end: stringEnd(text, afterKind), sgr: null };
  if (first !== ESC || !kind) return { end: at + 1, sgr: null };
  // ESC, bytes in between, and one final byte: character sets, keypad modes and the like.
  let end = at + 1;
  while (end < text.length && inside(text.charCodeAt(end), 0x20, 0x2f)) end++;
  return { end: inside(text.charCodeAt(end), 0x30, 0x7e) ? end + 1 : end, sgr: null };
}

function controlSequence(text: string, from: number): { end: number; sgr: string | null } {
  let end = from;
  const limit = Math.min(text.length, from + LONGEST_SEQUENCE);
  while (end < limit && inside(text.charCodeAt(end), 0x20, 0x3f)) end++;
  if (!inside(text.charCodeAt(end), 0x40, 0x7e)) return { end, sgr: null };
  const parameters = text.slice(from, end);
  return { end: end + 1, sgr: text[end] === "m" && /^[0-9;:]*$/.test(parameters) ? parameters : null };
}

/** After the terminator; without one, only the opening is dropped, so that no text can be hidden behind it. */
function stringEnd(text: string, from: number): number {
  const limit = Math.min(text.length, from + LONGEST_SEQUENCE);
  for (let i = from; i < limit; i++) {
    const code = text.charCodeAt(i);
    if (code === BELL || code === 0x9c) return i + 1;
    if (code === ESC) return text[i + 1] === "\\" ? i + 2 : from;
  }
  return from;
}

function inside(code: number, low: number, high: number): boolean {
  return code >= low && code <= high; // NaN, past the end, is in no range
}

function applied(before: State, parameters: string): State {
  let state: State = { ...before };
  const codes = parameters.split(";");
  for (let i = 0; i < codes.length; i++) {
    const [code, ...fine] = codes[i]!.split(":");
    const n = Number(code || 0);
    if (n === 0) state = {};
    else if (n === 1) state.bold = true;
    else if (n === 2) state.dim = true;
    else if (n === 3) state.italic = true;
    else if (n === 4 && fine[0] === "0") delete state.underline;
    else if (n === 4) state.underline = true;
    else if (n === 7) state.inverse = true;
    else if (n === 9) state.strike = true;
    else if (n === 21) state.underline = true;
    else if (n === 22) {
      delete state.bold;
      delete state.dim;
    } else if (n === 23) delete state.italic;
    else if (n === 24) delete state.underline;
    else if (n === 27) delete state.inverse;
    else if (n === 29) delete state.strike;
    else if (n === 38 || n === 48) {
      const given = fine.length ? { values: fine.filter((one) => one !== ""), used: 0 } : { values: codes.slice(i + 1, i + 5), used: 1 };
      const { color, taken } = extended(given.values);
      if (color !== undefined) state[n === 38 ? "fg" : "bg"] = color;
      i += given.used * taken;
    } else if (n === 39) delete state.fg;
    else if (n === 49) delete state.bg;
    else if (inside(n, 30, 37)) state.fg = n - 30;
    else if (inside(n, 40, 47)) state.bg = n - 40;
    else if (inside(n, 90, 97)) state.fg = n - 82;
    else if (inside(n, 100, 107)) state.bg = n - 92;
  }
  return state;
}

/** A colour out of 256 (`5;n`) or out of all (`2;r;g;b`), and how many values it took. */
function extended(values: string[]): { color: number | string | undefined; taken: number } {
  const numbers = values.map((one) => Number(one || 0));
  const byte = (n: number | undefined) => n !== undefined && Number.isInteger(n) && inside(n, 0, 255);
  if (numbers[0] === 5) return { color: byte(numbers[1]) ? indexed(numbers[1]!) : undefined, taken: 2 };
  if (numbers[0] !== 2) return { color: undefined, taken: 1 };
  const rgb = numbers.slice(-3).length === 3 && numbers.length > 4 ? numbers.slice(-3) : numbers.slice(1, 4);
  return { color: rgb.length === 3 && rgb.every(byte) ? hex(rgb) : undefined, taken: 4 };
}

const CUBE = [0, 95, 135, 175, 215, 255];

function indexed(n: number): number | string {
  if (n < 16) return n;
  if (n >= 232) return hex([8 + (n - 232) * 10, 8 + (n - 232) * 10, 8 + (n - 232) * 10]);
  const place = n - 16;
  return hex([CUBE[Math.floor(place / 36)]!, CUBE[Math.floor(place / 6) % 6]!, CUBE[place % 6]!]);
}

function hex(rgb: readonly number[]): string {
  return `#${rgb.map((n) => n.toString(16).padStart(2, "0")).join("")}`;
}
