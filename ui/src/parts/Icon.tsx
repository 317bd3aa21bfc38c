/** The few drawings that the UI needs, as inline SVG in the colour of the text. */

const PATHS = {
  check: "M3.5 8.5l3 3 6-7",
  cross: "M4 4l8 8M12 4l-8 8",
  dot: "M8 5.5a2.5 2.5 0 100 5 2.5 2.5 0 000-5z",
  clock: "M8 2a6 6 0 100 12A6 6 0 008 2zM8 4.8V8l2.2 1.5",
  search: "M7 2.5a4.5 4.5 0 100 9 4.5 4.5 0 000-9zM10.3 10.3L14 14",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  down: "M4 6l4 4 4-4",
  up: "M4 10l4-4 4 4",
  right: "M6 4l4 4-4 4",
  sun: "M8 5a3 3 0 100 6 3 3 0 000-6zM8 1.2v1.4M8 13.4v1.4M1.2 8h1.4M13.4 8h1.4M3.2 3.2l1 1M11.8 11.8l1 1M12.8 3.2l-1 1M4.2 11.8l-1 1",
  moon: "M13.5 9.5A5.8 5.8 0 016.5 2.5a5.8 5.8 0 107 7z",
  screen: "M2 3h12v8.5H2zM5.5 14h5M8 11.5V14",
  plus: "M8 3v10M3 8h10",
  help: "M5.8 6.2a2.2 2.2 0 114 1.3c-.7.8-1.8 1-1.8 2.2M8 12.2v.2",
  link: "M6.5 9.5l3-3M7 4.8l1.7-1.7a2.9 2.9 0 014.2 4.2L11.2 9M9 11.2l-1.7 1.7a2.9 2.9 0 01-4.2-4.2L4.8 7",
  tag: "M2.5 2.5h5l6 6-5 5-6-6zM5.4 5.4v.1",
  warn: "M8 2.2l6.3 11.3H1.7zM8 6.3v3.4M8 11.6v.2",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path
        d={PATHS[name]}
        fill="none"
        stroke="currentColor"
        stroke-width="1.5"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}
