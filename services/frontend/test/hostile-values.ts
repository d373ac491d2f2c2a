/** JSON text that takes the place of a field's value, and what it is. */
export interface Hostile {
  name: string;
  /** As it is sent: not everything that can be sent can be written as a value of JavaScript. */
  json: string;
  type: "object" | "array" | "string" | "number" | "boolean" | "null";
  /** One of its kind is enough where a field takes no such type; without this it is that one. */
  isVariant?: boolean;
}

const text = (name: string, value: string): Hostile => ({
  name,
  json: JSON.stringify(value),
  type: "string",
});

export const longText = "x".repeat(20_000);
const deep = 20_000;

/** What a body's field is tried with. */
export const hostileValues: Hostile[] = [
  { name: "$gt", json: '{"$gt":""}', type: "object" },
  { name: "$ne", json: '{"$ne":null}', type: "object", isVariant: true },
  { name: "$where in a list", json: '["$where"]', type: "array" },
  { name: "an operator in a list", json: '[{"$ne":null}]', type: "array", isVariant: true },
  { name: "__proto__", json: '{"__proto__":{"isPlatformAdmin":true}}', type: "object" },
  {
    name: "constructor",
    json: '{"constructor":{"prototype":{"role":"owner"}}}',
    type: "object",
    isVariant: true,
  },
  {
    name: "deep objects",
    json: `${'{"a":'.repeat(2_000)}1${"}".repeat(2_000)}`,
    type: "object",
    isVariant: true,
  },
  { name: "deep lists", json: `${"[".repeat(deep)}${"]".repeat(deep)}`, type: "array", isVariant: true },
  { name: "1e400", json: "1e400", type: "number" },
  { name: "-1e308", json: "-1e308", type: "number", isVariant: true },
  { name: "a fraction", json: "0.1", type: "number", isVariant: true },
  { name: "2^53 + 1", json: "9007199254740993", type: "number", isVariant: true },
  { name: "true", json: "true", type: "boolean" },
  { name: "null", json: "null", type: "null" },
  text("nothing", ""),
  text("a long text", longText),
  text("NUL", "a\u0000b"),
  { name: "half a surrogate pair", json: '"a\\ud800b"', type: "string" },
  text("an operator as text", '{"$gt":""}'),
  text("$where as text", "$where"),
  text("__proto__ as text", "__proto__"),
  text("markup", "<script>alert(1)</script>"),
  text("turned text", "a\u202eb"),
];

/** Names of fields that mean something to the store or to JavaScript. */
export const hostileNames = [
  "$where",
  "$set",
  "a.b",
  "__proto__",
  "constructor",
  "prototype",
  "",
  "\u0000",
  "x".repeat(5_000),
];

/** What stands in a query behind a field's name. */
export const hostileQueries = [
  { name: "$gt", suffix: "[$gt]=", mayBeText: false },
  { name: "$regex", suffix: "[$regex]=.*", mayBeText: false },
  { name: "an operator in a list", suffix: "[][$ne]=1", mayBeText: false },
  { name: "__proto__", suffix: "[__proto__][x]=1", mayBeText: false },
  { name: "JSON", suffix: `=${encodeURIComponent('{"$gt":""}')}`, mayBeText: true },
  { name: "NUL", suffix: "=a%00b", mayBeText: true },
  { name: "half a surrogate pair", suffix: "=%ED%A0%80", mayBeText: true },
  { name: "a long text", suffix: `=${"x".repeat(6_000)}`, mayBeText: true },
  { name: "a pattern", suffix: `=${encodeURIComponent("(((a+)+)+)+$")}`, mayBeText: true },
  { name: "1e400", suffix: "=1e400", mayBeText: true },
];

/** A whole query that no operation takes. */
export const unknownQueries = ["$where=1", "__proto__[x]=1", "constructor=1", "constructor[prototype][x]=1"];

/** What stands in a path, not yet encoded. */
export const hostileSegments = [
  '{"$gt":""}',
  "$where",
  "__proto__",
  "constructor",
  "a\u0000b",
  "../../secrets",
  "%2e%2e",
  "x".repeat(6_000),
  "<script>",
  "\u202e",
];
