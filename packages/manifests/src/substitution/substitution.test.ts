import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { canonicalJson } from "../documents/canonical-json.ts";
import { faultsOf, type Fault } from "../manifest-fault.ts";
import { compileSubstitution, substitute } from "./compile-substitution.ts";
import type { SubstitutionValues } from "./values.ts";

type Fields = Record<string, unknown>;

const objectOf = (fields: Fields, kind = "Thing"): string =>
  `${canonicalJson({ apiVersion: "example.com/v1", kind, metadata: { name: "a" }, ...fields })}\n`;

/** Applies values to one object and gives its fields. */
function apply(fields: Fields, values: SubstitutionValues, kind?: string): Fields {
  return JSON.parse(compileSubstitution(objectOf(fields, kind)).apply(values)) as Fields;
}

const spec = (text: string, variables: SubstitutionValues["variables"] = {}): unknown =>
  apply({ spec: text }, { variables })["spec"];

function faults(work: () => unknown): readonly Fault[] {
  try {
    work();
  } catch (error) {
    return faultsOf(error);
  }
  return [];
}

describe("when placeholders are filled in", () => {
  it("replaces them within text, many and repeated", () => {
    assert.equal(spec("${A}-${B}/${A}", { A: "x", B: "y" }), "x-y/x");
  });

  it("uses the default when the value is missing or empty, with := and with :-", () => {
    assert.equal(spec("${A:=d}", {}), "d");
    assert.equal(spec("${A:-d}", { A: "" }), "d");
    assert.equal(spec("${A:=d}", { A: "v" }), "v");
    assert.equal(spec("x${A:=}", {}), "x");
    assert.equal(spec("${A:=a:b|c d}", {}), "a:b|c d");
    assert.equal(spec("x${A}", { A: "" }), "x");
  });

  it("leaves $${, $ and $(...) to those who read them later", () => {
    assert.equal(spec("$${A} $$ $A $(B) ${C}", { C: "c" }), "${A} $$ $A $(B) c");
    assert.equal(spec("$${A}"), "${A}");
    assert.equal(spec("$$${A}", { A: "x" }), "$${A}");
  });

  it("never looks at a value again", () => {
    assert.equal(spec("${A}", { A: "${B} $${C}", B: "no" }), "${B} $${C}");
  });

  it("knows the device and its secrets", () => {
    const values = {
      device: { id: "d1", name: "pump-7", labels: { "example.com/site": "north" } },
      secrets: { "db.password": "p$w" },
    };
    const text =
      "${device.id} ${device.name} ${device.labels.example.com/site} ${secret.db.password} ${device.labels.none:=no}";
    assert.equal(apply({ spec: text }, values)["spec"], "d1 pump-7 north p$w no");
  });

  it("cannot change the structure, whatever the value", () => {
    const hostile = '"},"kind":"Secret\n---\n- a: b # \\ \u2028 \ud83d\ude00';
    assert.deepEqual(
      apply({ spec: { text: "a${V}b", whole: "${V}" } }, { variables: { V: hostile } })["spec"],
      { text: `a${hostile}b`, whole: hostile },
    );
  });

  it("takes nothing that objects inherit for a value", () => {
    assert.deepEqual(
      faults(() => spec("${constructor} ${toString} ${__proto__}")).map(({ entry }) => entry),
      ["constructor", "toString", "__proto__"],
    );
  });
});

describe("when a placeholder is a whole field", () => {
  it("becomes a whole number or a boolean where the field may be one", () => {
    const fields = { spec: { replicas: "${N}", paused: "${P}", list: ["${N}"] } };
    assert.deepEqual(apply(fields, { variables: { N: 3, P: false } })["spec"], {
      replicas: 3,
      paused: false,
      list: [3],
    });
    assert.deepEqual(apply(fields, { variables: { N: "-12", P: "true" } })["spec"], {
      replicas: -12,
      paused: true,
      list: [-12],
    });
  });

  it("stays text when it is not written as Kubernetes writes numbers", () => {
    for (const text of [
      "007",
      "1.10",
      "1e3",
      "+1",
      "-0",
      "yes",
      "True",
      "null",
      "~",
      "0x1f",
      "9007199254740993",
      " 1",
      "",
    ]) {
      assert.equal(spec("${A}", { A: text }), text);
    }
  });

  it("stays text in fields that are always text", () => {
    const fields = {
      metadata: { name: "a", labels: { port: "${N}" }, annotations: { "a/b": "${N}" } },
      spec: {
        selector: { v: "${N}" },
        template: { metadata: { labels: { v: "${N}" } } },
        containers: [
          {
            name: "${N}",
            image: "${N}",
            env: [{ name: "P", value: "${N}" }],
            args: ["${N}"],
            ports: [{ containerPort: "${N}" }],
          },
        ],
        nodeSelector: { zone: "${N}" },
        matchExpressions: [{ key: "${N}", values: ["${N}"] }],
      },
    };
    const result = apply(fields, { variables: { N: 8080 } }) as typeof fields;
    assert.equal(JSON.stringify(result).match(/:8080\b/g)?.length, 1);
    assert.equal(result.spec.containers[0]?.ports[0]?.containerPort, 8080);
  });

  it("stays text in ConfigMaps and Secrets", () => {
    assert.deepEqual(apply({ data: { A: "${N}" } }, { variables: { N: 1 } }, "ConfigMap")["data"], {
      A: "1",
    });
    assert.deepEqual(
      apply({ stringData: { A: "${N}" } }, { variables: { N: true } }, "Secret")["stringData"],
      { A: "true" },
    );
  });

  it("does as its filter says", () => {
    const value = (filter: string, text: string): unknown => spec(`\${A|${filter}}`, { A: text });
    assert.equal(value("string", "3"), "3");
    assert.equal(value("int", "3"), 3);
    assert.equal(value("number", "1.5"), 1.5);
    assert.equal(value("bool", "true"), true);
    assert.equal(value("base64", "hé"), "aMOp");
    assert.equal(spec("${A|int:=7}"), 7);
    for (const [filter, text] of [
      ["int", "x"],
      ["int", "1.5"],
      ["int", '1,"a":2'],
      ["number", "NaN"],
      ["number", "1e999"],
      ["bool", "yes"],
    ] as const) {
      assert.deepEqual(
        faults(() => value(filter, text)).map(({ code }) => code),
        ["value_invalid"],
        `${filter} ${text}`,
      );
    }
  });

  it("does not say the value when it does not fit", () => {
    const [fault] = faults(() => apply({ spec: "${secret.S|int}" }, { secrets: { S: "hunter2" } }));
    assert.ok(fault !== undefined && !JSON.stringify(fault).includes("hunter2"));
  });
});

describe("when a Secret's data holds placeholders", () => {
  const data = (text: string, secrets: Record<string, string>): unknown =>
    (apply({ data: { k: text } }, { secrets }, "Secret")["data"] as Fields)["k"];

  it("finds them in what secretGenerator has encoded", () => {
    const encoded = Buffer.from("user=${secret.U}\npass=${secret.P}").toString("base64");
    assert.equal(
      Buffer.from(String(data(encoded, { U: "ada", P: "é" })), "base64").toString(),
      "user=ada\npass=é",
    );
  });

  it("encodes where it is asked to, and takes base64 as it is", () => {
    assert.equal(data("${secret.P|base64}", { P: "pw" }), "cHc=");
    assert.equal(data("${secret.P}", { P: "cHc=" }), "cHc=");
  });

  it("refuses a value that is not base64, without showing it", () => {
    const found = faults(() => data("${secret.P}", { P: "hunter2!" }));
    assert.deepEqual(
      found.map(({ code, entry }) => [code, entry]),
      [["value_invalid", "data.k"]],
    );
    assert.ok(!JSON.stringify(found).includes("hunter2"));
  });

  it("leaves other base64 alone", () => {
    const binary = Buffer.from([0x24, 0x7b, 0xff, 0x7d]).toString("base64");
    assert.equal(data(binary, {}), binary);
  });
});

describe("when something is wrong", () => {
  it("lists every missing value with the objects that need it", () => {
    const ndjson = `${objectOf({ spec: "${A} ${B}" })}${objectOf({ spec: "${A} ${secret.S} ${C:=x}" }, "Other")}`;
    const found = faults(() => compileSubstitution(ndjson).apply({}));
    assert.deepEqual(
      found.map(({ code, entry, object }) => `${code} ${entry}: ${object}`),
      [
        "variable_missing A: Thing/a, Other/a",
        "variable_missing B: Thing/a",
        "variable_missing secret.S: Other/a",
      ],
    );
  });

  it("refuses what is not a placeholder, naming field and object", () => {
    for (const text of [
      "${",
      "${}",
      "${a b}",
      "${A",
      "${A-b}",
      "${A|upper}",
      "${A|int|bool}",
      "${device}",
      "${device.ip}",
      "${device.labels.}",
      "${secret.}",
      "${1A}",
      "${A:=${B}}",
      "${A:?x}",
      "${#A}",
      "${A/b/c}",
    ]) {
      const [fault] = faults(() => spec(text, { A: "x", B: "y" }));
      assert.equal(fault?.code, "placeholder_invalid", text);
      assert.match(fault?.message ?? "", /^Thing\/a: spec: .*write \$\$\{ for a literal/);
    }
  });

  it("refuses placeholders in field names, apiVersion and kind", () => {
    assert.deepEqual(
      faults(() => apply({ spec: { "${A}": 1 } }, {})).map(({ code }) => code),
      ["placeholder_not_allowed"],
    );
    const line = '{"apiVersion":"${A}","kind":"${B}","metadata":{"name":"a"}}\n';
    assert.deepEqual(
      faults(() => compileSubstitution(line)).map(({ code }) => code),
      ["placeholder_not_allowed", "placeholder_not_allowed"],
    );
  });

  it("refuses a secret in a name or a namespace, which everybody sees", () => {
    for (const field of ["name", "namespace"]) {
      const line = objectOf({ metadata: { name: "a", [field]: "x-${secret.S}-${A}" } });
      const [fault, ...others] = faults(() => compileSubstitution(line));
      assert.deepEqual([fault?.code, others], ["placeholder_not_allowed", []]);
      assert.match(fault?.message ?? "", new RegExp(`metadata\\.${field} cannot hold a secret`));
    }
    const elsewhere = objectOf({ metadata: { name: "${A}", annotations: { name: "${secret.S}" } } });
    assert.deepEqual(compileSubstitution(elsewhere).secrets, ["S"]);
  });

  it("refuses names that no object can have, and two objects that become one", () => {
    const named = (name: string): string => objectOf({ metadata: { name } });
    const two = compileSubstitution(named("${A}") + named("${B}"));
    assert.equal(two.apply({ variables: { A: "x", B: "y" } }).split("\n").length, 3);
    assert.deepEqual(
      faults(() => two.apply({ variables: { A: "x", B: "x" } })).map(({ code }) => code),
      ["duplicate_object"],
    );
    for (const name of ["a/b", "", "..", "a b", "é", "-a"]) {
      assert.equal(
        faults(() => two.apply({ variables: { A: name, B: "y" } }))[0]?.code,
        "value_invalid",
        name,
      );
    }
  });

  it("refuses values and results beyond the limits", () => {
    assert.deepEqual(
      faults(() => spec("${A}", { A: "x".repeat(1024 * 1024 + 1) })).map(({ code }) => code),
      ["value_too_large"],
    );
    const small = compileSubstitution(objectOf({ spec: "${A}${A}${A}" }), { maxBytes: 300 });
    assert.equal(
      faults(() => small.apply({ variables: { A: "é".repeat(50) } }))[0]?.code,
      "render_too_large",
    );
  });
});

describe("when objects are not to be touched", () => {
  it("leaves out those that say so, and definitions of resources", () => {
    for (const annotation of ["rciots.io/substitute", "kustomize.toolkit.fluxcd.io/substitute"]) {
      const line = objectOf(
        { metadata: { name: "a", annotations: { [annotation]: "disabled" } }, data: { s: "${HOME:1}" } },
        "ConfigMap",
      );
      assert.equal(compileSubstitution(line).apply({}), line);
    }
    const definition = objectOf({ spec: { description: "like ${this" } }, "CustomResourceDefinition");
    assert.equal(compileSubstitution(definition).apply({}), definition);
  });

  it("keeps every other byte, also numbers that a double cannot hold", () => {
    const line =
      '{"apiVersion":"v1","kind":"A","metadata":{"name":"a"},"n":9007199254740993,"s":"${X}","t":[1.50,-0,"\\u0041"]}\n';
    assert.equal(compileSubstitution(line).apply({ variables: { X: "x" } }), line.replace('"${X}"', '"x"'));
  });
});

describe("when a substitution is looked at", () => {
  it("says what it needs", () => {
    const ndjson = `${objectOf({ spec: "${B} ${A:=1} ${A}" })}${objectOf({ spec: "${C:-2} ${secret.S} ${device.name} ${device.labels.x:=y}" }, "Other")}`;
    const { variables, secrets, deviceFields, isConstant, objectCount } = compileSubstitution(ndjson);
    assert.deepEqual(variables, [
      { name: "A", required: true, fallback: "1", objects: ["Thing/a"] },
      { name: "B", required: true, fallback: null, objects: ["Thing/a"] },
      { name: "C", required: false, fallback: "2", objects: ["Other/a"] },
    ]);
    assert.deepEqual(
      [secrets, deviceFields, isConstant, objectCount],
      [["S"], ["device.labels.x", "device.name"], false, 2],
    );
  });

  it("is constant without placeholders, and gives the same text", () => {
    const ndjson = objectOf({ spec: "plain" });
    const substitution = compileSubstitution(ndjson);
    assert.equal(substitution.isConstant, true);
    assert.equal(substitution.apply({}), ndjson);
  });

  it("can be used once on objects", () => {
    const { documents, ndjson, digest } = substitute(
      [{ apiVersion: "v1", kind: "A", metadata: { name: "a" }, spec: "${X}" }],
      { variables: { X: 1 } },
    );
    assert.equal(documents[0]?.["spec"], 1);
    assert.match(digest, /^[0-9a-f]{64}$/);
    assert.ok(ndjson.endsWith("\n"));
  });
});

describe("when ten thousand devices are filled in", () => {
  it("parses once: figures", function () {
    const deployment = {
      spec: {
        replicas: "${N:=1}",
        template: {
          spec: {
            containers: [
              {
                name: "a",
                image: "${REG:=docker.io}/a:${TAG}",
                env: [{ name: "SITE", value: "${device.labels.site}" }],
              },
            ],
          },
        },
      },
    };
    const compiled = compileSubstitution(
      objectOf(deployment, "Deployment") +
        objectOf({ data: { name: "${device.name}", id: "${device.id}" } }, "ConfigMap"),
    );
    const count = 10_000;
    const startedMs = performance.now();
    let bytes = 0;
    for (let index = 0; index < count; index += 1) {
      bytes += compiled.apply({
        variables: { TAG: "1.2.3" },
        device: { id: `d${index}`, name: `n${index}`, labels: { site: `s${index % 10}` } },
      }).length;
    }
    const perSecond = Math.round(count / ((performance.now() - startedMs) / 1000));
    if (this.test !== undefined)
      this.test.title += ` (${perSecond} a second, ${Math.round(bytes / count)} characters each)`;
    assert.ok(bytes > count * 300);
  });
});
