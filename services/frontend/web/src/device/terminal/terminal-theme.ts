import type { ITheme } from "@xterm/xterm";

const shared = {
  red: "#c9190b",
  green: "#3e8635",
  blue: "#2b9af3",
  magenta: "#a18fff",
  cyan: "#009596",
};

/** Colours with enough contrast on each ground. */
export const terminalTheme = (isDark: boolean): ITheme =>
  isDark
    ? {
        ...shared,
        background: "#151515",
        foreground: "#e0e0e0",
        cursor: "#e0e0e0",
        selectionBackground: "#4d5f78",
        red: "#ff7468",
        green: "#7cc674",
        yellow: "#f4c145",
      }
    : {
        ...shared,
        background: "#ffffff",
        foreground: "#151515",
        cursor: "#151515",
        selectionBackground: "#b9dafc",
        black: "#151515",
        yellow: "#795600",
        blue: "#0066cc",
        magenta: "#6753ac",
        cyan: "#005f60",
        white: "#6a6e73",
        brightBlack: "#6a6e73",
        brightRed: "#a30000",
        brightGreen: "#1e4f18",
        brightYellow: "#5e4200",
        brightBlue: "#004080",
        brightMagenta: "#40199a",
        brightCyan: "#003737",
        brightWhite: "#3c3f42",
      };
