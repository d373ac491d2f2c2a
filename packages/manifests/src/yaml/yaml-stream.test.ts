import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { parseYamlStream } from "./yaml-stream.ts";

const faultOf = async (text: string): Promise<string> => {
  const { faults } = await parseYamlStream("f.yaml", text, "source");
  const [fault] = faults;
  return fault === undefined ? "none" : `${fault.code} ${fault.line ?? 0}:${fault.column ?? 0}`;
};

const values = async (text: string, dialect: "source" | "rendered" = "source"): Promise<unknown[]> => {
  const { documents, faults } = await parseYamlStream("f.yaml", text, dialect);
  assert.deepEqual(faults, []);
  return documents.map(({ value }) => value);
};

/** Ten lists, each of ten aliases to the one before: 10^9 values when written out. */
function laughs(levels: number): string {
  const lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"];
  for (let level = 1; level < levels; level += 1)
    lines.push(`a${level}: &a${level} [${`*a${level - 1},`.repeat(10)}]`);
  return lines.join("\n");
}

describe("when YAML from outside is parsed", () => {
  it("says line and column of what cannot be parsed", async () => {
    assert.equal(await faultOf("a: 1\nb: [1, 2\n"), "yaml_invalid 3:1");
    assert.equal(await faultOf("a:\n  b: c: d\n"), "yaml_invalid 2:6");
    assert.equal(await faultOf("a: *gone\n"), "yaml_invalid 1:4");
  });

  it("refuses duplicate keys at any depth", async () => {
    assert.equal(await faultOf("a: 1\nb:\n  c: 1\n  c: 2\n"), "yaml_duplicate_key 4:3");
    assert.equal(await faultOf('1: a\n"1": b\n'), "yaml_duplicate_key 2:1");
  });

  it("refuses an alias bomb quickly and an alias that holds itself", async () => {
    const startedMs = performance.now();
    assert.equal(await faultOf(laughs(9)), "yaml_alias_expansion 1:1");
    // Ten to the ninth aliases would take hours.
    assert.ok(performance.now() - startedMs < 10_000);
    assert.equal(await faultOf("a: &a [*a]\n"), "yaml_alias_expansion 1:8");
    assert.equal(await faultOf(laughs(3)), "none");
  });

  it("refuses nesting and documents beyond measure instead of overflowing the stack", async () => {
    assert.match(await faultOf("[".repeat(50_000)), /^yaml_invalid/);
    assert.match(await faultOf(`${"{a: ".repeat(300)}1${"}".repeat(300)}`), /^yaml_invalid/);
    assert.match(await faultOf("- a\n".repeat(200_000)), /^yaml_too_complex/);
  });

  it("resolves aliases and merge keys, and leaves empty documents out", async () => {
    assert.deepEqual(await values("---\n# nothing\n---\na: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\n"), [
      { a: { b: 1, c: 2 }, d: { c: 3, b: 1 } },
    ]);
  });

  it("keeps __proto__ an ordinary key", async () => {
    const [value] = await values("__proto__: {polluted: true}\n");
    assert.deepEqual(Object.keys(value as object), ["__proto__"]);
    assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  });

  it("finds the line of a value, through aliases too", async () => {
    const { documents } = await parseYamlStream("f", "---\na:\n- x\n- b: &k\n    c: 1\nd: *k\n", "source");
    assert.equal(documents[0]?.lineOf(["a", 1, "b", "c"]), 5);
    assert.equal(documents[0]?.lineOf(["d", "c"]), 5);
    assert.equal(documents[0]?.lineOf(["nowhere"]), 2);
  });

  it("lets others run while it parses a large text", async () => {
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 1);
    const document = "kind: A\nspec:\n  list: [a, b, c]\n  text: hello\n---\n";
    await parseYamlStream("f", document.repeat(8000), "source");
    clearInterval(timer);
    assert.ok(turns >= 5, `${turns} turns`);
  });
});

describe("when kustomize's output is parsed", () => {
  it("takes plain scalars for JSON's and nothing else", async () => {
    const text = 'a: yes\nb: 0o14\nc: 1e+06\nd: null\ne: "null"\nf: 012\ng: true\nh: ~\ni: -3\nj: "5"\n';
    assert.deepEqual(await values(text, "rendered"), [
      { a: "yes", b: "0o14", c: 1_000_000, d: null, e: "null", f: "012", g: true, h: "~", i: -3, j: "5" },
    ]);
  });

  it("keeps whole numbers exact that a double cannot hold", async () => {
    assert.deepEqual(await values("a: 9007199254740993\n", "rendered"), [{ a: 9007199254740993n }]);
  });
});
