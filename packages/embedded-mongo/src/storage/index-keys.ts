import { encodeKey } from "../bson/key.ts";
import { isDocument, type Document, type Value } from "../bson/values.ts";
import { CommandError } from "../errors.ts";
import { arrayIndex, type Path } from "../query/path.ts";
import type { Index } from "./catalog.ts";

/** A field that is not there. It has null's key, but a sparse index leaves it out. */
const ABSENT: unique symbol = Symbol("absent");

/** `undefined` is what MongoDB indexes for an empty array: a value of its own, before null. */
type IndexedValue = Value | undefined | typeof ABSENT;

export interface IndexKey {
  readonly key: Buffer;
  /** The indexed values, for the message about a duplicate. */
  readonly values: readonly (Value | undefined)[];
}

export interface DocumentKeys {
  readonly keys: readonly IndexKey[];
  /** An array was looked into, also when it gave one key only. */
  readonly multikey: boolean;
}

const noKeys: DocumentKeys = { keys: [], multikey: false };

/** The entries one document has in one index. Throws CommandError 171 for two arrays side by side. */
export function keysOf(index: Index, document: Document): DocumentKeys {
  if (index.partial && !index.partial.matches(document)) return noKeys;
  const found: IndexedValue[][] = [];
  const state = { multikey: false };
  const steps = index.fields.map(({ path }) => ({ value: document, path }));
  expand(steps, found, state);
  const indexed = index.sparse ? found.filter((values) => values.some((value) => value !== ABSENT)) : found;
  return { keys: distinctKeys(index, indexed), multikey: state.multikey };
}

function distinctKeys(index: Index, found: readonly IndexedValue[][]): IndexKey[] {
  const keys = found.map((indexed) => {
    const values = indexed.map((value) => (value === ABSENT ? null : value));
    return { key: encodeKey(values, index.directions), values };
  });
  if (keys.length < 2) return keys;
  const distinct = new Map(keys.map((entry) => [entry.key.toString("latin1"), entry]));
  return [...distinct.values()];
}

interface Step {
  value: IndexedValue;
  path: Path;
}

/** Follows each field's path until its end or an array; each element of that array gives keys of its own. */
function expand(steps: readonly Step[], found: IndexedValue[][], state: { multikey: boolean }): void {
  const reached = steps.map(follow);
  const waiting = reached.filter((step) => Array.isArray(step.value));
  const [first] = waiting;
  if (!first) {
    found.push(reached.map((step) => step.value));
    return;
  }
  if (waiting.some((step) => step.value !== first.value)) {
    throw new CommandError(171, `cannot index parallel arrays [${describe(waiting)}]`);
  }
  state.multikey = true;
  const elements = first.value as Value[];
  const each: (Value | undefined)[] = elements.length > 0 ? elements : [undefined];
  for (const element of each) {
    expandElement(
      reached.map((step) => (Array.isArray(step.value) ? intoElement(step, element) : step)),
      found,
      state,
    );
  }
}

/** An array inside an array is one value; only its parent is looked into. */
function expandElement(steps: Step[], found: IndexedValue[][], state: { multikey: boolean }): void {
  if (steps.some((step) => Array.isArray(step.value) && step.path.length > 0)) expand(steps, found, state);
  else if (steps.every((step) => step.path.length === 0)) found.push(steps.map((step) => step.value));
  else expand(steps, found, state);
}

function intoElement(step: Step, element: Value | undefined): Step {
  if (step.path.length === 0) return { value: element, path: [] };
  return isDocument(element) ? { value: element, path: step.path } : { value: ABSENT, path: [] };
}

function follow(step: Step): Step {
  let { value } = step;
  let at = 0;
  for (; at < step.path.length; at++) {
    const part = step.path[at] as string;
    if (Array.isArray(value)) {
      const index = arrayIndex(part);
      if (index === undefined || index >= value.length) break;
      value = value[index];
    } else if (isDocument(value)) {
      const child = value.get(part);
      value = child === undefined ? ABSENT : child;
    } else return { value: ABSENT, path: [] };
  }
  return { value, path: step.path.slice(at) };
}

function describe(steps: readonly Step[]): string {
  return steps.map((step) => step.path.join(".")).join("] [");
}
