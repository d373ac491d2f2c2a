import { isAlias, isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap } from "yaml";

/** Nodes a document may have once its aliases are written out. */
const maxExpandedNodes = 500_000;
/** A document that uses aliases may grow by this much. */
const maxAliasGrowth = 50_000;
const maxDepth = 200;

export interface PlainDocument {
  /** JSON-like; aliased parts are shared, not copied: never change it in place. */
  value: unknown;
  /** Where the value at a path begins, as an offset into the text; the nearest parent's when it has none. */
  offsetOf: (path: readonly (string | number)[]) => number;
}

interface PlainFault {
  code: string;
  reason: string;
  offset: number;
}

interface Anchored {
  value: unknown;
  nodes: number;
}

interface Walk {
  anchors: Map<string, Anchored | "open">;
  anchorNodes: Map<string, Node>;
  sourceNodes: number;
}

/** Stops the walk; never leaves this file. */
class PlainError extends Error {
  readonly fault: PlainFault;
  constructor(code: string, reason: string, node: Node | undefined) {
    super(reason);
    this.fault = { code, reason, offset: node?.range?.[0] ?? 0 };
  }
}

/** A parsed YAML document as plain data, or the reason why it cannot be. Aliases are counted, never expanded. */
export function plainValue(contents: Node | null): PlainDocument | { fault: PlainFault } {
  const walk: Walk = { anchors: new Map(), anchorNodes: new Map(), sourceNodes: 0 };
  try {
    const { value, nodes } = convert(contents, walk, 0);
    if (nodes > maxExpandedNodes || nodes - walk.sourceNodes > maxAliasGrowth) {
      throw new PlainError(
        "yaml_alias_expansion",
        "its aliases write out to too many values",
        contents ?? undefined,
      );
    }
    return { value, offsetOf: (path) => findOffset(contents, path, walk.anchorNodes) };
  } catch (error) {
    if (error instanceof PlainError) return { fault: error.fault };
    throw error;
  }
}

function convert(node: Node | null, walk: Walk, depth: number): Anchored {
  if (depth > maxDepth) throw new PlainError("yaml_invalid", "nested too deeply", node ?? undefined);
  if (node === null) return { value: null, nodes: 1 };
  walk.sourceNodes += 1;
  if (isAlias(node)) return resolveAlias(node.source, node, walk);
  const { anchor } = node as { anchor?: string };
  if (anchor !== undefined) walk.anchors.set(anchor, "open");
  const result = isMap(node)
    ? convertMap(node, walk, depth)
    : isSeq(node)
      ? convertSeq(node.items, walk, depth)
      : convertScalar(node);
  if (anchor !== undefined) {
    walk.anchors.set(anchor, result);
    walk.anchorNodes.set(anchor, node);
  }
  return result;
}

function convertScalar(node: Node): Anchored {
  return { value: isScalar(node) ? node.value : null, nodes: 1 };
}

function resolveAlias(name: string, node: Node, walk: Walk): Anchored {
  const anchored = walk.anchors.get(name);
  if (anchored === undefined) throw new PlainError("yaml_invalid", `alias *${name} has no anchor`, node);
  if (anchored === "open") throw new PlainError("yaml_alias_expansion", `alias *${name} holds itself`, node);
  return anchored;
}

function convertSeq(items: readonly unknown[], walk: Walk, depth: number): Anchored {
  let nodes = 1;
  const value = items.map((item) => {
    const result = convert(item as Node | null, walk, depth + 1);
    nodes += result.nodes;
    return result.value;
  });
  return { value, nodes };
}

function convertMap(map: YAMLMap, walk: Walk, depth: number): Anchored {
  const own = new Map<string, unknown>();
  const merged = new Map<string, unknown>();
  let nodes = 1;
  for (const pair of map.items) {
    const result = convert((pair.value as Node | null) ?? null, walk, depth + 1);
    nodes += result.nodes;
    const key = keyText(pair, map);
    if (isMergeKey(pair)) mergeInto(merged, result.value, pair.key as Node);
    else if (!own.has(key)) own.set(key, result.value);
    else throw new PlainError("yaml_duplicate_key", `key "${key}" is there twice`, pair.key as Node);
  }
  for (const [key, value] of merged) if (!own.has(key)) own.set(key, value);
  return { value: fromEntries(own), nodes };
}

/** Object.fromEntries defines, so `__proto__` becomes an ordinary key. */
function fromEntries(entries: ReadonlyMap<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(entries);
}

function keyText({ key }: Pair, map: YAMLMap): string {
  if (isScalar(key) && typeof key.value === "string") return key.value;
  // Numbers and booleans as written: JSON, which kustomize makes of it, knows text keys only.
  if (isScalar(key) && key.value !== null && key.source !== undefined) return key.source;
  throw new PlainError("yaml_invalid", "a key is empty or not a simple value", (key as Node | null) ?? map);
}

/** A plain `<<`; the merge tag turns its value into a symbol. */
function isMergeKey({ key }: Pair): boolean {
  return isScalar(key) && (typeof key.value === "symbol" || (key.value === "<<" && key.type === "PLAIN"));
}

function mergeInto(target: Map<string, unknown>, source: unknown, node: Node): void {
  for (const part of Array.isArray(source) ? (source as unknown[]) : [source]) {
    if (typeof part !== "object" || part === null || Array.isArray(part)) {
      throw new PlainError("yaml_invalid", "a merge key (<<) needs a mapping", node);
    }
    for (const [key, value] of Object.entries(part)) if (!target.has(key)) target.set(key, value);
  }
}

function findOffset(
  contents: Node | null,
  path: readonly (string | number)[],
  anchors: ReadonlyMap<string, Node>,
): number {
  let node = contents;
  let offset = node?.range?.[0] ?? 0;
  for (const step of path) {
    if (isAlias(node)) node = anchors.get(node.source) ?? null;
    if (isSeq(node) && typeof step === "number") node = (node.items[step] as Node | undefined) ?? null;
    else if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      offset = (pair?.key as Node | undefined)?.range?.[0] ?? offset;
      node = (pair?.value as Node | null | undefined) ?? null;
    } else return offset;
    offset = node?.range?.[0] ?? offset;
  }
  return offset;
}
