/** Whether the screen is a phone's. The width is that of the media queries in the style sheets. */

import { useEffect, useState } from "preact/hooks";

const NARROW = "(max-width: 720px)";

export function useNarrow(): boolean {
  const [narrow, setNarrow] = useState(() => matchMedia(NARROW).matches);
  useEffect(() => {
    const list = matchMedia(NARROW);
    const changed = (): void => setNarrow(list.matches);
    list.addEventListener("change", changed);
    return () => list.removeEventListener("change", changed);
  }, []);
  return narrow;
}
