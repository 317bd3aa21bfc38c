/** Colours that a program chose for some terminal, moved just as far as they must be to be read on our background. Pure. */

const READABLE = 4.5; // WCAG AA for text
const STEPS = 20;

type Rgb = readonly [number, number, number];

function rgbOf(hex: string): Rgb {
  const n = Number.parseInt(hex.slice(1), 16);
  return [n >> 16, (n >> 8) & 255, n & 255];
}

function luminance(rgb: Rgb): number {
  const [r, g, b] = rgb.map((n) => {
    const share = n / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** The WCAG contrast ratio of two `#rrggbb` colours, 1 to 21. */
export function contrast(one: string, other: string): number {
  const [low, high] = [luminance(rgbOf(one)), luminance(rgbOf(other))].sort((a, b) => a - b) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

/** `color` or, if it cannot be read on `background`, the nearest mixture with black or white that can. */
export function readable(color: string, background: string): string {
  if (contrast(color, background) >= READABLE) return color;
  const goal = contrast("#000000", background) > contrast("#ffffff", background) ? "#000000" : "#ffffff";
  for (let step = 1; step < STEPS; step++) {
    const mixed = mix(rgbOf(color), rgbOf(goal), step / STEPS);
    if (contrast(mixed, background) >= READABLE) return mixed;
  }
  return goal;
}

function mix(one: Rgb, other: Rgb, share: number): string {
  return `#${one.map((n, i) => Math.round(n + (other[i]! - n) * share).toString(16).padStart(2, "0")).join("")}`;
}
