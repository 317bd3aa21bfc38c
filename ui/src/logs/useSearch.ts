/** What is looked for in a log, and where it was found. */

import { useEffect, useMemo, useState } from "preact/hooks";

import type { LogStore } from "./store";

const SEARCH_WAIT_MS = 200;

export interface Search {
  text: string;
  setText: (text: string) => void;
  /** What is marked: the text, a moment after it was typed. */
  wanted: string;
  rows: number[];
  row: number | null;
  place: number;
  move: (by: number) => void;
  loading: boolean;
}

export function useSearch(store: LogStore, version: number, loadAll: () => Promise<void>): Search {
  const [text, setText] = useState("");
  const [wanted, setWanted] = useState("");
  const [loading, setLoading] = useState(false);
  const [place, setPlace] = useState(0);
  useEffect(() => {
    const timer = setTimeout(() => {
      setWanted(text);
      setPlace(0);
      if (!text || store.complete) return;
      setLoading(true);
      void loadAll().finally(() => setLoading(false));
    }, text ? SEARCH_WAIT_MS : 0);
    return () => clearTimeout(timer);
  }, [text, store, loadAll]);
  // eslint-disable-next-line react-hooks/exhaustive-deps -- `version` stands for all that the store holds
  const rows = useMemo(() => (wanted ? store.find(wanted) : []), [store, version, wanted]);
  const move = (by: number): void => setPlace((old) => (rows.length ? (old + by + rows.length) % rows.length : 0));
  const at = Math.min(place, rows.length - 1);
  // While pages still come in, the first match moves; nothing is scrolled to before all is known.
  return { text, setText, wanted, rows, row: rows.length && !loading ? rows[at]! : null, place: at, move, loading };
}
