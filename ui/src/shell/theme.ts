/** Light, dark, or whatever the system says. Kept in this browser. */

import { effect, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const KEY = "metaflow-ui-theme";
const ORDER: Theme[] = ["system", "light", "dark"];

function remembered(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return ORDER.find((theme) => theme === value) ?? "system";
  } catch {
    return "system"; // storage may be closed to the page
  }
}

export const theme = signal<Theme>(remembered());

effect(() => {
  document.documentElement.style.colorScheme = theme.value === "system" ? "light dark" : theme.value;
  try {
    localStorage.setItem(KEY, theme.value);
  } catch {
    return;
  }
});

export function nextTheme(): void {
  theme.value = ORDER[(ORDER.indexOf(theme.value) + 1) % ORDER.length] ?? "system";
}
