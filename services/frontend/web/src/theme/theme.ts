import { useSyncExternalStore } from "react";

/** `system` follows the operating system. */
export type ThemeChoice = "light" | "dark" | "system";

const key = "rciots.theme";
const darkClass = "pf-v6-theme-dark";
const listeners = new Set<() => void>();
const darkSystem = matchMedia("(prefers-color-scheme: dark)");

function readChoice(): ThemeChoice {
  try {
    const stored = localStorage.getItem(key);
    return stored === "light" || stored === "dark" ? stored : "system";
  } catch {
    return "system";
  }
}

let choice = readChoice();

function apply(): void {
  const isDark = choice === "dark" || (choice === "system" && darkSystem.matches);
  document.documentElement.classList.toggle(darkClass, isDark);
  for (const listener of listeners) listener();
}
darkSystem.addEventListener("change", apply);

export function setThemeChoice(next: ThemeChoice): void {
  choice = next;
  try {
    if (next === "system") localStorage.removeItem(key);
    else localStorage.setItem(key, next);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
  apply();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

export function useThemeChoice(): ThemeChoice {
  return useSyncExternalStore(subscribe, () => choice);
}

/** Whether the page is dark now, for what draws in its own colours. */
export function useIsDark(): boolean {
  return useSyncExternalStore(subscribe, () => document.documentElement.classList.contains(darkClass));
}
