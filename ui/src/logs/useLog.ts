/** One log, loaded page by page: its end first and again while the task runs, what is older when it is looked at. */

import { useMemo, useRef, useState } from "preact/hooks";

import { ApiError, fetchLogs, useLooking, type Phase } from "../api";
import { LARGE_PAGE_LINES, LogStore, PAGE_LINES } from "./store";

export interface LogSource {
  flow: string;
  run: string;
  step: string;
  task: string;
  attempt: number;
  stream: "out" | "err";
}

export interface Log {
  store: LogStore;
  /** Grows with each change of the store. */
  version: number;
  loaded: boolean;
  /** All of it has been handed over, for good. */
  whole: boolean;
  error: ApiError | undefined;
  /** Says which rows are on the screen, ends included. */
  look: (from: number, to: number) => void;
  /** Loads all there is; ends early if the log is exchanged for another. */
  loadAll: () => Promise<void>;
}

/** `onWhole` is told when nothing will be added to the log any more. */
export function useLog(source: LogSource, phase: Phase, onWhole: () => void): Log {
  const { flow, run, step, task, attempt, stream } = source;
  // eslint-disable-next-line react-hooks/exhaustive-deps -- another log, another store
  const store = useMemo(() => new LogStore(), [flow, run, step, task, attempt, stream]);
  const [version, setVersion] = useState(0);
  const [loaded, setLoaded] = useState<LogStore | null>(null);
  const [whole, setWhole] = useState<LogStore | null>(null);
  const [error, setError] = useState<ApiError | undefined>(undefined);
  const heard = useRef(onWhole);
  heard.current = onWhole;
  const current = useRef(store);
  current.current = store;

  const load = useMemo(
    () =>
      async (page: number, limit: number): Promise<void> => {
        try {
          const query = { attempt_id: attempt, _limit: limit, _page: page, _order: "-row" };
          const { rows, whole } = await fetchLogs(flow, run, step, task, stream, query);
          if (current.current !== store) return;
          if (store.merge(rows, page, limit)) setVersion((n) => n + 1);
          if (whole) {
            setWhole(store);
            heard.current();
          }
          setError(undefined);
        } catch (reason) {
          if (current.current !== store) return;
          // Before its first line a task may have no log, and then the backend knows of none.
          if (reason instanceof ApiError && !reason.notFound) setError(reason);
        } finally {
          if (current.current === store) setLoaded(store);
        }
      },
    // eslint-disable-next-line react-hooks/exhaustive-deps -- there is one store for each log
    [store],
  );
  useLooking(`${flow}/${run}/${step}/${task}/${attempt}/${stream}`, phase, () => load(1, PAGE_LINES));

  const looking = useMemo(() => {
    let range: [number, number] = [0, -1];
    let busy = false;
    const fill = async (): Promise<void> => {
      if (busy) return;
      busy = true;
      let before = 0;
      for (let page = store.missing(...range, PAGE_LINES); page !== null; page = store.missing(...range, PAGE_LINES)) {
        // The same page twice brings nothing more: the log shrank, or the backend leaves something out.
        if (page === before) break;
        before = page;
        await load(page, PAGE_LINES);
        if (current.current !== store) return;
      }
      busy = false;
    };
    return (from: number, to: number): void => {
      range = [from, to];
      if (store.missing(from, to, PAGE_LINES) !== null) void fill();
    };
  }, [store, load]);

  const loadAll = useMemo(
    () => async (): Promise<void> => {
      let before = 0;
      while (current.current === store && !store.complete) {
        const page = store.missing(store.first, store.total - 1, LARGE_PAGE_LINES);
        if (page === null || page === before) return;
        before = page;
        await load(page, LARGE_PAGE_LINES);
      }
    },
    [store, load],
  );

  return { store, version, loaded: loaded === store, whole: whole === store, error, look: looking, loadAll };
}
