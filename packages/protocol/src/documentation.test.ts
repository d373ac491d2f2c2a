import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { z } from "zod";
import {
  callErrors,
  channelPath,
  desiredState,
  deviceCalls,
  factsField,
  frameKinds,
  limits,
  objectHealths,
  objectStatus,
  platformCalls,
  protocolVersions,
  revisionStates,
  sessionErrors,
  streamCapabilities,
  streamErrors,
  streamLimits,
  streamTarget,
  tunnelCapability,
} from "./index.ts";

// Tables may be aligned with blanks; their cells count.
const page = readFileSync(
  fileURLToPath(new URL("../../../docs/protocol.md", import.meta.url)),
  "utf8",
).replace(/ {2,}/g, " ");

/** From a heading to the next one of any level. */
function sectionOf(heading: string): string {
  const [, section] = page.split(`\n${heading}\n`);
  assert.ok(section !== undefined, `there is a heading "${heading}"`);
  return section.split(/\n#{2,3} /)[0] ?? "";
}

/** First cells of a section's table, without its head. */
const rowsOf = (heading: string): string[] =>
  [...sectionOf(heading).matchAll(/^\| `([^`]+)` \|/gm)].map(([, cell]) => cell ?? "");

function fieldsOf(schema: z.ZodType): string[] {
  if ("shape" in schema) return Object.keys(schema.shape as object);
  if ("options" in schema) return (schema.options as z.ZodType[]).flatMap(fieldsOf);
  return [];
}

const sorted = (values: readonly string[]): string[] => [...new Set(values)].sort();

describe("docs/protocol.md", () => {
  for (const [name, calls] of Object.entries({ device: deviceCalls, platform: platformCalls })) {
    for (const [event, { request, response }] of Object.entries(calls)) {
      it(`describes the ${name}'s ${event} with all its fields`, () => {
        const section = sectionOf(`### \`${event}\``);
        // The desired state has a section of its own.
        const own = [request, response].filter((schema) => (schema as z.ZodType) !== desiredState);
        for (const field of own.flatMap((schema) => fieldsOf(schema))) {
          assert.ok(section.includes(`\`${field}\``), `${event} explains ${field}`);
        }
      });
    }
  }

  it("has no event that does not exist", () => {
    const described = [...page.matchAll(/^### `([a-z]+:[a-z-]+)`$/gm)].map(([, event]) => event ?? "");
    assert.deepEqual(sorted(described), sorted([...Object.keys(deviceCalls), ...Object.keys(platformCalls)]));
  });

  it("describes desired state, objects and facts with all their fields", () => {
    for (const [heading, schema] of [
      ["### Desired state", desiredState],
      ["### Objects", objectStatus],
      ["### Facts", factsField],
    ] as const) {
      const section = sectionOf(heading);
      for (const field of fieldsOf(schema)) assert.ok(section.includes(`${field}`), `${heading}: ${field}`);
    }
  });

  it("lists exactly the codes that end sessions and answer calls", () => {
    assert.deepEqual(sorted(rowsOf("## Codes that refuse or end a session")), sorted(sessionErrors));
    assert.deepEqual(sorted(rowsOf("## Codes that answer a call")), sorted(callErrors));
  });

  it("describes the frames of streams, their codes and their bounds", () => {
    const section = sectionOf("## Streams");
    for (const [name, kind] of Object.entries(frameKinds)) {
      assert.ok(section.includes(`| \`${name}\` | \`0x0${kind}\` |`), name);
    }
    assert.deepEqual(sorted(rowsOf("### Codes that refuse or reset a stream")), sorted(streamErrors));
    assert.equal(rowsOf("## Streams").length, Object.keys(frameKinds).length);
    const { targetBytes, frameDataBytes, streams, leastWindowBytes, windowPoolBytes } = streamLimits;
    assert.ok(section.includes(`at most ${targetBytes} bytes`) && section.includes(`1 to ${frameDataBytes}`));
    assert.ok(page.includes(`the session has ${streams}`) && section.includes(`\`${tunnelCapability}\``));
    assert.equal(streams * leastWindowBytes + windowPoolBytes, 32 * 1_048_576);
  });

  it("lists the targets of streams with their capabilities and fields", () => {
    const rows = sectionOf("### Targets").split("\n");
    for (const schema of streamTarget.options) {
      const kind = schema.shape.kind.value;
      const row = rows.find((line) => line.startsWith(`| \`${kind}\` | \`${streamCapabilities[kind]}\` |`));
      assert.ok(row !== undefined, kind);
      for (const field of fieldsOf(schema))
        assert.ok(field === "kind" || row.includes(`\`${field}\``), field);
    }
    assert.equal(rowsOf("### Targets").length, streamTarget.options.length);
  });

  it("lists exactly the limits, with their values", () => {
    const section = sectionOf("## Limits");
    assert.deepEqual(sorted(rowsOf("## Limits")), sorted(Object.keys(limits)));
    for (const [name, value] of Object.entries(limits)) {
      assert.ok(section.includes(`| \`${name}\` | ${value} |`), `${name} is ${value}`);
    }
  });

  it("lists all states and healths, the path and the version", () => {
    for (const word of [...revisionStates, ...objectHealths]) assert.ok(page.includes(`\`${word}\``), word);
    assert.ok(page.includes(`GET ${channelPath}/?EIO=4&transport=websocket`));
    assert.ok(page.includes(`version ${Math.max(...protocolVersions)}`));
  });
});
