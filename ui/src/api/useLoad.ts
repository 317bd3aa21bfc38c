/** Loading for views: one request at a time per key, given up when the view goes, made again after an outage. */

import { useEffect, useRef, useState } from "preact/hooks";

import { asApiError, type ApiError } from "./client";
import { generation } from "./reach";

export interface Loaded<T> {
  /** The newest answer for this key; stays while a newer one is on its way. */
  data: T | undefined;
  error: ApiError | undefined;
  loading: boolean;
  again: () => void;
}

interface State<T> {
  key: string;
  data: T | undefined;
  error: ApiError | undefined;
  loading: boolean;
}

const fresh = <T,>(key: string | null): State<T> => ({
  key: key ?? "",
  data: undefined,
  error: undefined,
  loading: key !== null,
});

/** `key` names everything that `load` depends on; a null key loads nothing. */
export function useLoad<T>(key: string | null, load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, setState] = useState<State<T>>(() => fresh(key));
  const [asked, setAsked] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  const turn = generation.value;

  useEffect(() => {
    if (key === null) return;
    const controller = new AbortController();
    setState((old) => (old.key === key ? { ...old, loading: true } : fresh<T>(key)));
    latest.current(controller.signal).then(
      (data) => {
        if (!controller.signal.aborted) setState({ key, data, error: undefined, loading: false });
      },
      (reason: unknown) => {
        if (controller.signal.aborted) return;
        const error = asApiError(reason);
        setState((old) => ({ key, data: old.key === key ? old.data : undefined, error, loading: false }));
      },
    );
    return () => controller.abort();
  }, [key, turn, asked]);

  const shown = state.key === (key ?? "") ? state : fresh<T>(key);
  return { data: shown.data, error: shown.error, loading: shown.loading, again: () => setAsked((n) => n + 1) };
}
