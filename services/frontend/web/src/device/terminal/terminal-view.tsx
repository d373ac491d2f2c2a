import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { useIsDark } from "../../theme/theme.ts";
import { PasteModal } from "./paste-modal.tsx";
import { createTerminalConnection, type TerminalState } from "./terminal-connection.ts";
import { letTerminalStyle } from "./terminal-styles.ts";
import { terminalTheme } from "./terminal-theme.ts";

interface TerminalViewProps {
  url: (parameters: Record<string, string>) => string;
  label: string;
  isScreenReader: boolean;
  onState: (state: TerminalState) => void;
  /** Where the focus goes that leaves by Shift+Escape: Tab belongs to what runs there. */
  onLeave: () => void;
}

/** More at once, or more than one line, is asked about: a shell would run it. */
const quietPasteChars = 5_000;
const needsConsent = (text: string): boolean =>
  /[\r\n]/.test(text.trimEnd()) || text.length > quietPasteChars;

function createTerminal(isDark: boolean, isScreenReader: boolean): Terminal {
  return new Terminal({
    allowProposedApi: false,
    cursorBlink: true,
    convertEol: false,
    fontFamily: '"Red Hat Mono", "Liberation Mono", Menlo, Consolas, monospace',
    fontSize: 14,
    minimumContrastRatio: 4.5,
    scrollback: 10_000,
    screenReaderMode: isScreenReader,
    theme: terminalTheme(isDark),
  });
}

/** A terminal for as long as it is shown: leaving the page ends what runs in it. */
export default function TerminalView(props: TerminalViewProps): ReactNode {
  const { url, label, isScreenReader } = props;
  const isDark = useIsDark();
  const place = useRef<HTMLDivElement>(null);
  const terminal = useRef<Terminal>(null);
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
  });
  const [pasting, setPasting] = useState<string | null>(null);

  useEffect(() => {
    const host = place.current;
    if (host === null) return undefined;
    const endStyles = letTerminalStyle();
    const screen = createTerminal(isDark, isScreenReader);
    const fit = new FitAddon();
    screen.loadAddon(fit);
    screen.open(host);
    fit.fit();
    terminal.current = screen;
    const connection = createTerminalConnection({
      url: (parameters) => latest.current.url(parameters),
      size: () => ({ columns: screen.cols, rows: screen.rows }),
      onOutput: (bytes) => screen.write(bytes, () => connection.shown(bytes.length)),
      onState(state) {
        screen.options.disableStdin = state.kind !== "open" && state.kind !== "connecting";
        latest.current.onState(state);
      },
    });
    const encoder = new TextEncoder();
    screen.onData((text) => connection.input(encoder.encode(text)));
    screen.onBinary((text) => connection.input(Uint8Array.from(text, (char) => char.charCodeAt(0))));
    screen.onResize(({ cols, rows }) => connection.resize(cols, rows));
    screen.attachCustomKeyEventHandler((event) => {
      if (event.type !== "keydown") return true;
      if (event.key === "Escape" && event.shiftKey) {
        latest.current.onLeave();
        return false;
      }
      if (!(event.ctrlKey && event.shiftKey)) return true;
      if (event.code === "KeyC" && screen.hasSelection()) {
        event.preventDefault();
        void navigator.clipboard.writeText(screen.getSelection());
        return false;
      }
      return event.code !== "KeyV";
    });
    const onPaste = (event: ClipboardEvent): void => {
      const text = event.clipboardData?.getData("text/plain") ?? "";
      if (!needsConsent(text)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      setPasting(text);
    };
    host.addEventListener("paste", onPaste, true);
    const observer = new ResizeObserver(() => fit.fit());
    observer.observe(host);
    screen.focus();
    return () => {
      observer.disconnect();
      host.removeEventListener("paste", onPaste, true);
      connection.close();
      screen.dispose();
      endStyles();
      terminal.current = null;
    };
    // A new place is a new terminal; the colours and the reader's mode are set below without one.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [url]);

  useEffect(() => {
    if (terminal.current !== null) terminal.current.options.theme = terminalTheme(isDark);
  }, [isDark]);
  useEffect(() => {
    if (terminal.current !== null) terminal.current.options.screenReaderMode = isScreenReader;
  }, [isScreenReader]);

  const close = (): void => {
    setPasting(null);
    terminal.current?.focus();
  };
  return (
    <>
      <div ref={place} className="rciots-terminal-screen" role="group" aria-label={label} />
      {pasting !== null && (
        <PasteModal
          text={pasting}
          onCancel={close}
          onPaste={() => {
            terminal.current?.paste(pasting);
            close();
          }}
        />
      )}
    </>
  );
}
