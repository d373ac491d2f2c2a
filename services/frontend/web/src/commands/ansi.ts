/** A stretch of text that looks the same. */
export interface Styled {
  text: string;
  /** Class names; empty: as text usually looks. */
  className: string;
}

const colours = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"] as const;

interface Look {
  colour: string | null;
  isBold: boolean;
  isDim: boolean;
}

const plain: Look = { colour: null, isBold: false, isDim: false };

/** SGR sequences, every other escape sequence, and control characters that a page can't show. */
const escape =
  /\u001b\[([0-9;]*)m|\u001b\[[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[@-Z\\-_]|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g;

function afterCode(look: Look, code: number): Look {
  if (code === 0) return plain;
  if (code === 1) return { ...look, isBold: true };
  if (code === 2) return { ...look, isDim: true };
  if (code === 22) return { ...look, isBold: false, isDim: false };
  if (code === 39) return { ...look, colour: null };
  const colour =
    code >= 30 && code <= 37 ? colours[code - 30] : code >= 90 && code <= 97 ? colours[code - 90] : undefined;
  return colour === undefined ? look : { ...look, colour };
}

function classOf({ colour, isBold, isDim }: Look): string {
  return [
    colour === null ? "" : `rciots-ansi-${colour}`,
    isBold ? "rciots-ansi-bold" : "",
    isDim ? "rciots-ansi-dim" : "",
  ]
    .filter((name) => name !== "")
    .join(" ");
}

/** Of a line that was written over, what stood there last. */
const withoutOverwritten = (text: string): string =>
  text.replace(/\r\n/g, "\n").replace(/[^\n]*\r(?!$)/g, "");

/**
 * What a terminal would show of a command's output, as text: eight colours, bold and dim are kept, everything else
 * that steers a terminal (its title, its cursor, links) is dropped.
 */
export function styledText(raw: string): Styled[] {
  const styled: Styled[] = [];
  let look = plain;
  let at = 0;
  const push = (text: string): void => {
    const shown = withoutOverwritten(text);
    const className = classOf(look);
    const last = styled.at(-1);
    if (shown === "") return;
    if (last?.className === className) last.text += shown;
    else styled.push({ text: shown, className });
  };
  for (const match of raw.matchAll(escape)) {
    push(raw.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[1] === undefined) continue;
    const codes = match[1] === "" ? [0] : match[1].split(";").map(Number);
    // 256 colours and true colours name theirs by numbers that mean something else alone.
    if (codes[0] !== 38 && codes[0] !== 48) look = codes.reduce(afterCode, look);
  }
  push(raw.slice(at));
  return styled;
}
