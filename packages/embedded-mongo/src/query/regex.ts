import type { BSONRegExp } from "mongodb";
import { CommandError, notSupported } from "../errors.ts";

/** Longest pattern MongoDB accepts. */
const MAX_PATTERN = 32_764;

export interface CompiledRegex {
  test(text: string): boolean;
  /** Every match begins with this text, when the pattern is a plain, case-sensitive prefix. */
  readonly prefix: string | undefined;
}

/**
 * Compiles a Perl-style pattern into a JavaScript one. What JavaScript reads differently is translated (`$`
 * before a final newline) or refused by name; nothing is matched by another rule than MongoDB's.
 */
export function compileRegex(pattern: string, options: string): CompiledRegex {
  if (pattern.length > MAX_PATTERN) throw new CommandError("BadValue", "Regular expression is too long");
  const inline = /^\(\?([imsx]+)\)/.exec(pattern);
  const flags = new Set(options + (inline?.[1] ?? ""));
  for (const flag of flags) {
    if (flag === "x") throw notSupported("the regular expression option x (extended)");
    if (!"imsu".includes(flag)) throw new CommandError("BadValue", `invalid flag in regex options: ${flag}`);
  }
  const body = inline ? pattern.slice(inline[0].length) : pattern;
  const source = translate(body, flags.has("m"));
  const regex = construct(source, ["i", "m", "s"].filter((flag) => flags.has(flag)).join(""));
  return { test: (text) => regex.test(text), prefix: flags.size === 0 ? literalPrefix(body) : undefined };
}

export function compileBsonRegex(regex: BSONRegExp): CompiledRegex {
  return compileRegex(regex.pattern, regex.options);
}

/** With code points where the pattern allows it; the laxer syntax where it escapes more than it needs to. */
function construct(source: string, flags: string): RegExp {
  try {
    return new RegExp(source, `${flags}u`);
  } catch {
    try {
      return new RegExp(source, flags);
    } catch (error) {
      throw new CommandError(51091, `Regular expression is invalid: ${(error as Error).message}`);
    }
  }
}

const refusedEscapes = new Map([
  ["A", "\\A"],
  ["z", "\\z"],
  ["Z", "\\Z"],
  ["G", "\\G"],
  ["Q", "\\Q"],
  ["E", "\\E"],
  ["K", "\\K"],
  ["R", "\\R"],
  ["X", "\\X"],
  ["C", "\\C"],
  ["h", "\\h"],
  ["H", "\\H"],
  ["V", "\\V"],
  ["g", "\\g"],
  ["o", "\\o"],
  ["N", "\\N"],
  ["a", "\\a"],
  ["e", "\\e"],
]);

/** Groups JavaScript has as well: plain, look-around, named in the `?<name>` form. */
const knownGroup = /^\((?:\?(?:[:=!]|<[=!]|<[A-Za-z_]\w*>))?(?!\?|\*)/;

function translate(pattern: string, multiline: boolean): string {
  let source = "";
  let inClass = false;
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at] as string;
    if (char === "\\") {
      const next = pattern[at + 1];
      const refused = next === undefined ? undefined : refusedEscapes.get(next);
      if (refused) throw notSupported(`the regular expression escape ${refused}`);
      source += char + (next ?? "");
      at++;
    } else if (inClass) {
      if (char === "[" && pattern[at + 1] === ":")
        throw notSupported("a POSIX class in a regular expression");
      if (char === "]") inClass = false;
      source += char === "[" ? "\\[" : char;
    } else if (char === "[") {
      inClass = true;
      // In Perl's syntax a closing bracket that comes first is an ordinary character.
      const opening = /^\[\^?\]?/.exec(pattern.slice(at))?.[0] ?? "[";
      source += opening.replace("]", "\\]");
      at += opening.length - 1;
    } else if (char === "(" && !knownGroup.test(pattern.slice(at, at + 80))) {
      throw notSupported("this kind of group in a regular expression");
    } else if (char === "+" && /[+*?}]/.test(pattern[at - 1] ?? "") && pattern[at - 2] !== "\\") {
      throw notSupported("a possessive quantifier in a regular expression");
    } else if (char === "$" && !multiline) {
      source += "(?=\\n?(?![\\s\\S]))";
    } else source += char;
  }
  return source;
}

function literalPrefix(pattern: string): string | undefined {
  const match = /^\^((?:[A-Za-z0-9 _:/@#%&=,;<>~'"-]|\\[.\-/$^()[\]{}+*?|\\])+)/.exec(pattern);
  if (!match || pattern.includes("|")) return undefined;
  let text = match[1] as string;
  // The last character belongs to the quantifier that follows it, which may ask for none of it.
  const next = pattern[match[0].length];
  if (next !== undefined && "*?{".includes(next)) text = text.replace(/\\?.$/, "");
  const literal = text.replace(/\\(.)/g, "$1");
  return literal === "" ? undefined : literal;
}
