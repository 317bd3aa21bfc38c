/** Keeps the newest of something live for a while after its view has gone: the way back then shows it at once. */

interface Live {
  stop: () => void;
}

export interface Kept<T> {
  /** What is kept under the key, or a new one; another key's is stopped. */
  take: (key: string, make: () => T) => T;
  /** Its view has gone. */
  leave: (key: string) => void;
}

export function keptFor<T extends Live>(milliseconds: number): Kept<T> {
  let key: string | null = null;
  let value: T | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const drop = (): void => {
    value?.stop();
    key = value = null;
  };
  return {
    take(wanted, make) {
      clearTimeout(timer);
      if (value !== null && key === wanted) return value;
      drop();
      key = wanted;
      return (value = make());
    },
    leave(left) {
      if (left !== key) return;
      clearTimeout(timer);
      timer = setTimeout(drop, milliseconds);
    },
  };
}
