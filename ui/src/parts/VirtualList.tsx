/** A long list of rows of one height, of which only those near the screen exist. It scrolls with the page. */

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

const SPARE_ROWS = 12; // above and below the screen, so that a fast scroll shows no gaps

interface Props {
  count: number;
  rowHeight: number;
  /** Renders one row; it must be exactly `rowHeight` high. */
  row: (index: number) => ComponentChildren;
  /** Which rows are on the screen, after each change of it. */
  onVisible?: (first: number, last: number) => void;
  class?: string;
  role?: "rowgroup" | "list" | "presentation";
}

/** The rows that a screen of `height` sees of a list whose top is `top` px below the screen's. Last is exclusive. */
export function visibleRows(top: number, height: number, rowHeight: number, count: number): [number, number] {
  const first = Math.max(0, Math.floor(-top / rowHeight));
  const last = Math.min(count, Math.ceil((height - top) / rowHeight));
  return [Math.min(first, count), Math.max(last, 0)];
}

export function VirtualList({ count, rowHeight, row, onVisible, role = "rowgroup", class: name = "" }: Props) {
  const list = useRef<HTMLDivElement>(null);
  const [[first, last], setRange] = useState<[number, number]>([0, 40]);
  const report = useRef(onVisible);
  report.current = onVisible;

  useLayoutEffect(() => {
    let due = 0;
    const measure = (): void => {
      due = 0;
      if (!list.current) return;
      const top = list.current.getBoundingClientRect().top;
      const [from, to] = visibleRows(top, window.innerHeight, rowHeight, count);
      setRange((old) => (old[0] === from && old[1] === to ? old : [from, to]));
      report.current?.(from, to);
    };
    const later = (): void => {
      due ||= requestAnimationFrame(measure);
    };
    measure();
    // In the capture phase it hears every scrolling ancestor, not the window alone.
    document.addEventListener("scroll", later, { capture: true, passive: true });
    window.addEventListener("resize", later);
    return () => {
      cancelAnimationFrame(due);
      document.removeEventListener("scroll", later, { capture: true });
      window.removeEventListener("resize", later);
    };
  }, [count, rowHeight]);

  const from = Math.max(0, first - SPARE_ROWS);
  const to = Math.min(count, last + SPARE_ROWS);
  const rows: ComponentChildren[] = [];
  for (let index = from; index < to; index++) rows.push(row(index));
  return (
    <div ref={list} class={`virtual ${name}`} role={role} style={{ height: `${count * rowHeight}px` }}>
      <div role="presentation" style={{ transform: `translateY(${from * rowHeight}px)` }}>
        {rows}
      </div>
    </div>
  );
}
