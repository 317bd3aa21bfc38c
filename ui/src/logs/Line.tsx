/** One line of a log: its number, its time, and its text in colour with what was searched for marked. */

import { Component } from "preact";

import type { LogLine } from "../api";
import { formatFullTime } from "../parts";
import { lastWritten, parseAnsi, type Look, type Piece } from "./ansi";
import { readable } from "./contrast";

/** A longer line is cut off on the screen; copies and downloads have all of it. */
export const LONGEST_SHOWN = 20_000;

// The pages' own colours, --sunken of the theme, which colours of programs must be readable on.
const LIGHT = "#f6f7f9";
const DARK = "#0b0d11";

interface Props {
  row: number;
  line: LogLine | undefined;
  top: number;
  height: number | undefined;
  times: boolean;
  wanted: string;
  chosen: boolean;
}

/** Drawn again only if something of it has changed, so that scrolling is cheap. */
export class Line extends Component<Props> {
  override shouldComponentUpdate(next: Props): boolean {
    return (Object.keys(next) as (keyof Props)[]).some((key) => next[key] !== this.props[key]);
  }

  render() {
    return <Drawn {...this.props} />;
  }
}

function Drawn({ row, line, top, height, times, wanted, chosen }: Props) {
  return (
    <div
      class={`log-line${chosen ? " is-chosen" : ""}`}
      data-row={row}
      style={{ transform: `translateY(${top}px)`, ...(height === undefined ? {} : { height: `${height}px` }) }}
    >
      <span class="log-number" aria-hidden="true" data-number={row + 1} title={line?.timestamp ? formatFullTime(line.timestamp) : undefined} />
      {times && <span class="log-time">{line?.timestamp ? formatFullTime(line.timestamp).slice(11) : ""}</span>}
      <span class="log-text">{line ? <Text line={line.line} wanted={wanted} /> : <span class="log-missing">…</span>}</span>
    </div>
  );
}

function Text({ line, wanted }: { line: string; wanted: string }) {
  const text = lastWritten(line); // before anything is cut: a bar's last state is at the end of its line
  const cut = text.length > LONGEST_SHOWN;
  const pieces = marked(parseAnsi(cut ? text.slice(0, LONGEST_SHOWN) : text), wanted.toLowerCase());
  return (
    <>
      {pieces.map(({ text, look, hit }, i) => {
        const name = classOf(look);
        const shown = name || look.fg !== undefined || look.bg !== undefined ? (
          <span key={i} class={name} style={styleOf(look)}>
            {text}
          </span>
        ) : (
          text
        );
        return hit ? <mark key={i}>{shown}</mark> : shown;
      })}
      {cut && <em class="log-missing"> … {(text.length - LONGEST_SHOWN).toLocaleString("en-US")} more characters in this line; a copy or a download has them</em>}
    </>
  );
}

/** The pieces cut where what was searched for begins and ends; it may reach over a change of colour. */
export function marked(pieces: readonly Piece[], wanted: string): (Piece & { hit?: boolean })[] {
  if (!wanted) return [...pieces];
  const text = pieces.map((piece) => piece.text).join("").toLowerCase();
  const edges: [number, number][] = [];
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) edges.push([at, at + wanted.length]);
  if (!edges.length) return [...pieces];
  const found: (Piece & { hit?: boolean })[] = [];
  let from = 0;
  for (const piece of pieces) {
    let here = 0;
    for (const [start, end] of edges) {
      const [first, last] = [Math.max(0, start - from), Math.min(piece.text.length, end - from)];
      if (first >= last) continue;
      if (first > here) found.push({ text: piece.text.slice(here, first), look: piece.look });
      found.push({ text: piece.text.slice(first, last), look: piece.look, hit: true });
      here = last;
    }
    if (here < piece.text.length) found.push({ text: piece.text.slice(here), look: piece.look });
    from += piece.text.length;
  }
  return found;
}

function classOf({ fg, bg, bold, dim, italic, underline, strike }: Look): string {
  return [
    (typeof fg === "number" || fg === "inverse") && `fg-${fg}`,
    (typeof bg === "number" || bg === "inverse") && `bg-${bg}`,
    bold && "log-bold",
    dim && "log-dim",
    italic && "log-italic",
    underline && "log-underline",
    strike && "log-strike",
  ]
    .filter(Boolean)
    .join(" ");
}

function styleOf({ fg, bg }: Look): Record<string, string> {
  const style: Record<string, string> = {};
  const ground = isHex(bg) ? bg : undefined;
  if (ground) style["backgroundColor"] = ground;
  // Where the program chose both, its text is measured against its own background.
  if (isHex(fg)) style["color"] = ground ? readable(fg, ground) : bg === undefined ? `light-dark(${readable(fg, LIGHT)}, ${readable(fg, DARK)})` : fg;
  else if (ground && fg === undefined) style["color"] = readable("#808080", ground);
  return style;
}

function isHex(color: Look["fg"]): color is string {
  return typeof color === "string" && color.startsWith("#");
}
