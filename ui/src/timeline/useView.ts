/** Which part of the run is in view, and everything that changes it: wheel, pinch, drags, keys and buttons. */

import type { RefObject } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import { panned, within, zoomed, type Span } from "./scale";

const WHEEL_SPEED = 0.004;
const STEP_FACTOR = 1.6;
const STEP_SHARE = 0.25;
/** A pointer that moved less was a click. */
const DRAG_PX = 5;

export interface View {
  span: Span;
  /** Less than the whole run is in view. */
  narrow: boolean;
  /** The part that a drag has marked so far. */
  marked: Span | null;
  zoomIn: () => void;
  zoomOut: () => void;
  fit: () => void;
  pan: (direction: -1 | 1) => void;
  show: (span: Span) => void;
  /** Tells whether the click that follows a drag is none. */
  wasDrag: () => boolean;
}

/** `area` is the element whose width the span takes; wheel and drags count within it. */
export function useView(whole: Span, area: RefObject<HTMLElement>, surface: RefObject<HTMLElement>): View {
  const [chosen, setChosen] = useState<Span | null>(null);
  const [marked, setMarked] = useState<Span | null>(null);
  const span = chosen ? within(chosen, whole) : whole;
  const latest = useRef({ span, whole });
  latest.current = { span, whole };
  const dragged = useRef(false);

  const moves = useMemo(() => {
    const show = (next: Span): void => {
      const all = latest.current.whole;
      const fitted = within(next, all);
      // What is all but the whole run is the whole run, which goes on growing.
      setChosen(fitted.end - fitted.start > (all.end - all.start) * 0.999 ? null : fitted);
    };
    const zoom = (factor: number, at = 0.5): void => show(zoomed(latest.current.span, factor, at, latest.current.whole));
    return {
      show,
      zoom,
      zoomIn: () => zoom(STEP_FACTOR),
      zoomOut: () => zoom(1 / STEP_FACTOR),
      fit: () => setChosen(null),
      pan: (direction: -1 | 1) => show(panned(latest.current.span, direction * STEP_SHARE, latest.current.whole)),
      panBy: (share: number) => show(panned(latest.current.span, share, latest.current.whole)),
      wasDrag: () => dragged.current,
    };
  }, []);

  useEffect(() => {
    const element = surface.current;
    if (!element) return;
    const pointers = new Map<number, { x: number; y: number }>();
    let from = 0;
    let sideways = false;

    const share = (x: number): number => {
      const { left, width } = area.current!.getBoundingClientRect();
      return (x - left) / width;
    };
    const moment = (x: number): number => {
      const { start, end } = latest.current.span;
      return start + (end - start) * Math.min(1, Math.max(0, share(x)));
    };
    const onWheel = (event: WheelEvent): void => {
      if (event.ctrlKey) {
        event.preventDefault(); // a pinch on a touchpad is a wheel with Ctrl
        moves.zoom(Math.exp(-event.deltaY * WHEEL_SPEED), Math.min(1, Math.max(0, share(event.clientX))));
        return;
      }
      const across = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
      if (Math.abs(across) <= Math.abs(event.shiftKey ? 0 : event.deltaY)) return;
      event.preventDefault();
      moves.panBy(across / area.current!.getBoundingClientRect().width);
    };
    const onDown = (event: PointerEvent): void => {
      dragged.current = false;
      const place = share(event.clientX);
      if (event.button !== 0 || place < 0 || place > 1) return;
      pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      from = event.clientX;
      sideways = false;
    };
    const onMove = (event: PointerEvent): void => {
      const before = pointers.get(event.pointerId);
      if (!before) return;
      const here = { x: event.clientX, y: event.clientY };
      if (pointers.size === 2) {
        const other = [...pointers].find(([id]) => id !== event.pointerId)![1];
        const was = Math.abs(before.x - other.x);
        const is = Math.abs(here.x - other.x);
        if (was > 8 && is > 8) moves.zoom(is / was, Math.min(1, Math.max(0, share((here.x + other.x) / 2))));
        dragged.current = true;
        pointers.set(event.pointerId, here);
        return;
      }
      if (!sideways && Math.abs(here.x - from) < DRAG_PX) return;
      if (!sideways) element.setPointerCapture(event.pointerId);
      sideways = dragged.current = true;
      if (event.pointerType === "touch") {
        moves.panBy((before.x - here.x) / area.current!.getBoundingClientRect().width);
        pointers.set(event.pointerId, here);
      } else {
        const [start, end] = [moment(from), moment(here.x)].sort((a, b) => a - b) as [number, number];
        setMarked({ start, end });
      }
    };
    const onUp = (event: PointerEvent): void => {
      if (!pointers.delete(event.pointerId)) return;
      setMarked((span) => {
        if (span && event.type === "pointerup") moves.show(span);
        return null;
      });
    };
    element.addEventListener("wheel", onWheel, { passive: false });
    element.addEventListener("pointerdown", onDown);
    element.addEventListener("pointermove", onMove);
    element.addEventListener("pointerup", onUp);
    element.addEventListener("pointercancel", onUp);
    return () => {
      element.removeEventListener("wheel", onWheel);
      element.removeEventListener("pointerdown", onDown);
      element.removeEventListener("pointermove", onMove);
      element.removeEventListener("pointerup", onUp);
      element.removeEventListener("pointercancel", onUp);
    };
  }, [area, surface, moves]);

  return { span, narrow: chosen !== null, marked, ...moves };
}
