import assert from "node:assert/strict";
import {
  ackEnvelope,
  connectAuth,
  connectRefusal,
  desiredState,
  deviceCalls,
  factsField,
  isDeviceEvent,
  isPlatformEvent,
  labelsField,
  limits,
  messageField,
  platformCalls,
  protocolVersions,
  type DeviceEvent,
  type PlatformEvent,
} from "./index.ts";

const digest = "a".repeat(64);
const object = { apiVersion: "v1", kind: "Pod", name: "a", health: "Current", applied: "applied" };
const bundle = {
  kind: "bundle",
  revision: 1,
  digest,
  encodedDigest: digest,
  encodedBytes: 10,
  decodedBytes: 10,
  objectCount: 1,
  deadlineMs: 60_000,
};
const asked = { target: { host: "127.0.0.1", port: 22 } };
const page = { revision: 1, page: 0, pages: 1, objects: [object] };
const status = { revision: 1, digest, state: "healthy", counts: { Current: 1 } };
const diff = { position: 0, changedOnly: false, budgetMs: 5_000 };
const commandId = "cex_01ARZ3NDEKTSV4RRFFQ69G5FAV";
const start = {
  id: commandId,
  place: { kind: "host" },
  program: { kind: "argv", argv: ["uptime"] },
  environment: {},
  timeoutMs: 60_000,
  graceMs: 5_000,
};
const script = { kind: "script", interpreter: "sh", text: "uptime\n", arguments: [] };
const inPod = { kind: "pod", namespace: "apps", pod: "web-0" };
const piece = { stream: "stdout", text: "x" };
const output = { id: commandId, offset: 0, pieces: [piece] };
const end = {
  id: commandId,
  outcome: "exited",
  exitCode: 0,
  outputBytes: 1,
  finishedAt: "2030-01-01T00:00:00Z",
};
const hello = { versions: [1], agentVersion: "1", capabilities: [], facts: {} };

/** For each event: payloads that are good, and payloads that are wrong in one thing. */
const cases: Record<DeviceEvent | PlatformEvent, { good: unknown[]; bad: unknown[] }> = {
  "session:hello": {
    good: [hello, { ...hello, versions: [2, 1], facts: { cpuCount: 2 } }],
    bad: [
      { ...hello, versions: [] },
      { ...hello, versions: [0] },
      { ...hello, facts: undefined },
      { ...hello, extra: 1 },
    ],
  },
  "desired:get": { good: [{}], bad: [null, [], { a: 1 }, "x"] },
  "bundle:read": {
    good: [{ encodedDigest: digest, offset: 0, length: limits.chunkBytes }],
    bad: [
      { encodedDigest: digest, offset: 0, length: limits.chunkBytes + 1 },
      { encodedDigest: digest, offset: -1, length: 1 },
      { encodedDigest: digest, offset: 0, length: 0 },
      { encodedDigest: "A".repeat(64), offset: 0, length: 1 },
      { encodedDigest: `${digest}\n`, offset: 0, length: 1 },
    ],
  },
  "status:report": {
    good: [
      status,
      { ...status, objects: [], message: "m", startedAt: "2026-01-01T00:00:00Z" },
      { ...status, objects: Array.from({ length: limits.reportObjects }, () => object) },
    ],
    bad: [
      { ...status, state: "fine" },
      { ...status, revision: 1.5 },
      { ...status, counts: { Good: 1 } },
      { ...status, counts: { Current: -1 } },
      { ...status, objects: Array.from({ length: limits.reportObjects + 1 }, () => object) },
      { ...status, startedAt: "yesterday" },
    ],
  },
  "objects:report": {
    good: [page],
    bad: [
      { ...page, pages: 65 },
      { ...page, page: -1 },
      { ...page, objects: Array.from({ length: limits.pageObjects + 1 }, () => object) },
      { ...page, objects: [{ ...object, health: "Good" }] },
    ],
  },
  "facts:report": { good: [{ facts: {} }], bad: [{}, { facts: { unknown: 1 } }] },
  "certificate:renew": { good: [{ csr: "x" }], bad: [{ csr: "" }, { csr: "x".repeat(limits.csrBytes + 1) }] },
  "desired:changed": { good: [bundle, { kind: "none", revision: 0 }], bad: [{ ...bundle, revision: 0 }] },
  "session:close": {
    good: [
      { code: "busy", message: "m", retryAfterMs: 1 },
      { code: "busy", message: "m" },
    ],
    bad: [{ code: "busy" }, { code: "busy", message: "m", retryAfterMs: -1 }],
  },
  "device:decommission": { good: [{ wipeWorkloads: true }], bad: [{}, { wipeWorkloads: "yes" }] },
  "certificate:expire": { good: [{}], bad: [{ now: true }] },
  "tunnels:ask": {
    good: [
      { tunnels: [] },
      { tunnels: [asked, { ...asked, port: 2_222 }, { ...asked, port: 1, listenHost: "::1" }] },
      { tunnels: Array.from({ length: limits.askedTunnels }, () => asked) },
    ],
    bad: [
      {},
      { tunnels: Array.from({ length: limits.askedTunnels + 1 }, () => asked) },
      { tunnels: [{ ...asked, port: 0 }] },
      { tunnels: [{ ...asked, listenHost: "platform.example.com" }] },
      { tunnels: [{ ...asked, allowFrom: ["0.0.0.0/0"] }] },
      { tunnels: [{ target: { host: "h".repeat(254), port: 22 } }] },
      { tunnels: [{ target: { host: "a b", port: 22 } }] },
    ],
  },
  "tunnels:changed": { good: [{}], bad: [{ now: true }] },
  "manifests:diff": {
    good: [diff, { ...diff, digest, position: 100 }],
    bad: [
      { ...diff, position: -1 },
      { ...diff, position: limits.bundleObjects * 2 + 1 },
      { ...diff, budgetMs: 60_000 },
      { ...diff, digest: "x" },
      { ...diff, namespace: "kube-system" },
    ],
  },
  "command:start": {
    good: [
      start,
      { ...start, program: script, environment: { A: "b" }, input: "in", workingDirectory: "/tmp" },
      { ...start, place: inPod, program: { ...script, interpreter: "/usr/bin/env" } },
    ],
    bad: [
      { ...start, id: "cex_1" },
      { ...start, program: { kind: "argv", argv: [] } },
      { ...start, program: { kind: "argv", argv: ["a\0b"] } },
      { ...start, program: { kind: "argv", argv: Array(9).fill("x".repeat(limits.commandArgumentBytes)) } },
      { ...start, program: { ...script, interpreter: "sh -c" } },
      { ...start, program: { ...script, text: "x".repeat(limits.commandScriptBytes + 1) } },
      { ...start, program: { ...script, text: "ü".repeat(limits.commandScriptBytes / 2 + 1) } },
      { ...start, environment: { "A=B": "c" } },
      { ...start, workingDirectory: "tmp" },
      { ...start, timeoutMs: limits.commandTimeoutMs + 1 },
      { ...start, place: { ...inPod, labelSelector: "a=b" } },
      { ...start, place: { kind: "pod", namespace: "apps" } },
      { ...start, place: { ...inPod, pod: "../../secrets" } },
    ],
  },
  "command:cancel": {
    good: [{ id: commandId, reason: "Cancelled." }],
    bad: [{ id: commandId }, { id: "x", reason: "" }],
  },
  "command:output": {
    good: [output, { ...output, pieces: [piece, { stream: "stderr", text: "\0" }] }],
    bad: [
      { ...output, offset: -1 },
      { ...output, pieces: [] },
      { ...output, pieces: [{ ...piece, text: "" }] },
      { ...output, pieces: [{ ...piece, stream: "stdin" }] },
      { ...output, pieces: Array(3).fill({ ...piece, text: "x".repeat(limits.commandPieceBytes) }) },
    ],
  },
  "command:end": {
    good: [end, { ...end, outcome: "signaled", exitCode: undefined, signal: "SIGKILL", message: "m" }],
    bad: [
      { ...end, outcome: "done" },
      { ...end, finishedAt: "now" },
      { ...end, outputBytes: -1 },
      { ...end, exitCode: 1.5 },
    ],
  },
  "pods:list": {
    good: [{ limit: 100 }, { limit: 1, namespace: "shop", position: "x" }],
    bad: [{}, { limit: 0 }, { limit: limits.podItems + 1 }, { limit: 1, selector: "a=b" }],
  },
};

describe("the events of the contract", () => {
  for (const [event, { request }] of Object.entries({ ...deviceCalls, ...platformCalls })) {
    const { good, bad } = cases[event as DeviceEvent];
    it(`takes good payloads of ${event} and refuses bad ones`, () => {
      for (const payload of good)
        assert.ok(request.safeParse(payload).success, JSON.stringify(payload).slice(0, 200));
      for (const payload of bad)
        assert.ok(!request.safeParse(payload).success, JSON.stringify(payload).slice(0, 200));
    });
  }

  it("knows its events and no inherited names", () => {
    assert.ok(isDeviceEvent("desired:get") && !isDeviceEvent("desired:changed"));
    assert.ok(isPlatformEvent("desired:changed") && !isPlatformEvent("desired:get"));
    for (const name of ["__proto__", "constructor", "toString", "", 1, null]) {
      assert.ok(!isDeviceEvent(name) && !isPlatformEvent(name), String(name));
    }
  });

  it("bounds a bundle by the limits", () => {
    assert.ok(desiredState.safeParse({ ...bundle, encodedBytes: limits.bundleBytes }).success);
    assert.ok(!desiredState.safeParse({ ...bundle, encodedBytes: limits.bundleBytes + 1 }).success);
    assert.ok(!desiredState.safeParse({ ...bundle, objectCount: limits.bundleObjects + 1 }).success);
  });

  it("takes `auth` with exactly an id and a token", () => {
    const auth = { deviceId: `dev_${"0".repeat(26)}`, deviceToken: "x".repeat(40) };
    assert.ok(connectAuth.safeParse(auth).success);
    for (const bad of [
      { ...auth, deviceId: `org_${"0".repeat(26)}` },
      { ...auth, deviceId: `dev_${"O".repeat(26)}` },
      { ...auth, deviceId: { $gt: "" } },
      { ...auth, deviceToken: "" },
      { ...auth, pid: "x" },
    ]) {
      assert.ok(!connectAuth.safeParse(bad).success, JSON.stringify(bad));
    }
  });

  it("reads answers and refusals without trusting what is in them", () => {
    assert.ok(ackEnvelope.safeParse({ ok: true, data: {} }).success);
    assert.ok(ackEnvelope.safeParse({ ok: false, error: { code: "a", message: "b" } }).success);
    for (const bad of [
      undefined,
      {},
      { ok: "yes" },
      { ok: false },
      { ok: false, error: { code: "x".repeat(65), message: "" } },
    ]) {
      assert.ok(!ackEnvelope.safeParse(bad).success, JSON.stringify(bad));
    }
    assert.ok(connectRefusal.safeParse({ code: "a", later: 1 }).success);
    assert.ok(!connectRefusal.safeParse({ code: "a", retryAfterMs: -1 }).success);
  });

  it("cleans and cuts text for people", () => {
    assert.equal(messageField.parse("a\u0000b\u001b[31m\nc"), "ab[31m\nc");
    assert.equal(messageField.parse("x".repeat(10_000)).length, limits.messageChars);
    assert.equal(factsField.parse({ hostname: "h".repeat(1_000) }).hostname?.length, 256);
  });

  it("takes labels that are safe as names of fields", () => {
    assert.ok(labelsField.safeParse({ site: "berlin-1", rack_2: "" }).success);
    for (const key of ["a.b", "$where", "", "-a", "a/b"]) {
      assert.ok(!labelsField.safeParse({ [key]: "x" }).success, key);
    }
    const many = Object.fromEntries(
      Array.from({ length: limits.labels + 1 }, (_value, index) => [`k${index}`, "v"]),
    );
    assert.ok(!labelsField.safeParse(many).success);
  });

  it("lists versions from the newest, without gaps", () => {
    assert.deepEqual(
      [...protocolVersions],
      protocolVersions.map((_version, index) => (protocolVersions[0] ?? 0) - index),
    );
  });

  it("notices a dead path in under 30 s", () => {
    assert.ok(limits.pingIntervalMs + limits.pingTimeoutMs < 30_000);
  });
});
