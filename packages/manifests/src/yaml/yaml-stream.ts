import {
  Composer,
  Lexer,
  LineCounter,
  Parser,
  type Document,
  type ScalarTag,
  type SchemaOptions,
} from "yaml";
import { setImmediate as nextTurn } from "node:timers/promises";
import { quoted, type Fault } from "../manifest-fault.ts";
import { plainValue } from "./plain-value.ts";

/** Lexical tokens of one document; a CRD of half a megabyte has about 120,000. */
const maxTokensPerDocument = 300_000;
/** Parsing gives the event loop back after this long, between tokens and between documents. */
const sliceMs = 8;

/** `source`: what people write (YAML 1.2 core with merge keys). `rendered`: what kustomize prints. */
export type YamlDialect = "source" | "rendered";

export interface YamlDocument {
  file: string;
  /** 1-based line where the document begins. */
  line: number;
  /** JSON-like; aliased parts are shared, not copied: never change it in place. */
  value: unknown;
  /** The 1-based line of the value at a path; its nearest parent's when it is not in the text itself. */
  lineOf: (path: readonly (string | number)[]) => number;
}

export interface YamlStream {
  /** Documents with content; empty ones (comments, a lone `---`) are left out. */
  documents: YamlDocument[];
  faults: Fault[];
}

interface StreamState {
  file: string;
  dialect: YamlDialect;
  lines: LineCounter;
  documents: YamlDocument[];
  faults: Fault[];
}

/**
 * Parses YAML text without holding the event loop for long, and without expanding aliases in
 * memory. Nothing is thrown for bad YAML: duplicate keys, alias bombs, depth and syntax are faults
 * with file, line and column. Parsing stops at the first document with a fault.
 */
export async function parseYamlStream(
  file: string,
  content: string,
  dialect: YamlDialect,
): Promise<YamlStream> {
  const state: StreamState = { file, dialect, lines: new LineCounter(), documents: [], faults: [] };
  state.lines.addNewLine(0);
  const composer = new Composer({
    ...schemaOf(dialect),
    prettyErrors: false,
    uniqueKeys: false,
    logLevel: "silent",
    lineCounter: state.lines,
  });
  const parser = new Parser(state.lines.addNewLine);
  const slice = createSlice();
  let tokens = 0;
  for (const lexeme of new Lexer().lex(content)) {
    for (const token of parser.next(lexeme)) {
      for (const document of composer.next(token)) addDocument(document, state);
      tokens = 0;
    }
    if (state.faults.length > 0) return state;
    if (++tokens > maxTokensPerDocument) return tooComplex(state, parser.offset);
    if (slice.isOver()) await slice.next();
  }
  for (const token of parser.end()) for (const document of composer.next(token)) addDocument(document, state);
  for (const document of composer.end()) addDocument(document, state);
  return state;
}

function tooComplex(state: StreamState, offset: number): StreamState {
  state.faults.push({
    ...place(state, offset),
    code: "yaml_too_complex",
    message: `${quoted(state.file)}: a document has more than ${maxTokensPerDocument} YAML tokens.`,
  });
  return state;
}

function addDocument(document: Document.Parsed, state: StreamState): void {
  if (state.faults.length > 0) return;
  // The only warnings are about tags: what they would make of a value is not known here.
  const error = document.errors[0] ?? (state.dialect === "source" ? document.warnings[0] : undefined);
  if (error !== undefined) {
    const at = place(state, error.pos[0]);
    const reason = error.code === "RESOURCE_EXHAUSTION" ? "nested too deeply" : error.message;
    state.faults.push({
      ...at,
      code: "yaml_invalid",
      message: `${where(state.file, at)}: not valid YAML: ${reason}.`,
    });
    return;
  }
  const plain = plainValue(document.contents);
  if ("fault" in plain) {
    const at = place(state, plain.fault.offset);
    state.faults.push({
      ...at,
      code: plain.fault.code,
      message: `${where(state.file, at)}: ${plain.fault.reason}.`,
    });
    return;
  }
  if (plain.value === null || plain.value === undefined) return;
  const lineOf = (path: readonly (string | number)[]): number => place(state, plain.offsetOf(path)).line;
  state.documents.push({ file: state.file, line: lineOf([]), value: plain.value, lineOf });
}

function place({ file, lines }: StreamState, offset: number): { file: string; line: number; column: number } {
  const { line, col } = lines.linePos(offset);
  return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
}

function where(file: string, { line, column }: { line: number; column: number }): string {
  return `${quoted(file)}, line ${line}, column ${column}`;
}

/** A time budget: `isOver` is asked often, `next` gives the event loop a turn. */
export function createSlice(): { isOver: () => boolean; next: () => Promise<void> } {
  let asked = 0;
  let startedMs = performance.now();
  return {
    // The clock is read once in 64 questions: it costs as much as lexing a token.
    isOver: () => (++asked & 63) === 0 && performance.now() - startedMs > sliceMs,
    next: async () => {
      await nextTurn();
      startedMs = performance.now();
    },
  };
}

function schemaOf(dialect: YamlDialect): SchemaOptions & { intAsBigInt?: boolean } {
  if (dialect === "source") return { schema: "core", merge: true, resolveKnownTags: false };
  return { schema: "failsafe", customTags: (tags) => [...tags, ...renderedScalars] };
}

/**
 * Kustomize builds JSON and prints it as YAML, quoting every string that any YAML 1.1 or 1.2 reader
 * could take for something else; so a plain scalar is JSON's or a string. Whole numbers that a
 * double cannot hold stay exact as BigInt.
 */
const renderedScalars: ScalarTag[] = [
  { tag: "tag:yaml.org,2002:null", default: true, test: /^null$/, resolve: () => null },
  {
    tag: "tag:yaml.org,2002:bool",
    default: true,
    test: /^(?:true|false)$/,
    resolve: (text) => text === "true",
  },
  {
    tag: "tag:yaml.org,2002:int",
    default: true,
    test: /^-?(?:0|[1-9]\d*)$/,
    resolve: (text) => wholeNumber(text),
  },
  {
    tag: "tag:yaml.org,2002:float",
    default: true,
    test: /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/,
    resolve: (text) => Number(text),
  },
];

function wholeNumber(text: string): number | bigint {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : BigInt(text);
}
