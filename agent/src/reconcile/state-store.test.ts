import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@rciots/runtime";
import { createRevisionStore, type ReconcileState } from "./revision-store.ts";
import { createFileStateStore, createMemoryStateStore, type StateStore } from "./state-store.ts";

const digest = "a".repeat(64);
const record = { revision: 1, digest, deadlineMs: 1_000, prune: true };
const state: ReconcileState = {
  version: 1,
  desired: record,
  phase: "good",
  spentMs: 5,
  startedAt: "t",
  good: [record],
};

describe("when state is kept in files", () => {
  let dir: string;
  let store: StateStore;
  beforeEach(async () => {
    dir = join(await mkdtemp(join(tmpdir(), "rciots-state-")), "nested");
    store = createFileStateStore({ dir });
  });
  afterEach(() => rm(join(dir, ".."), { recursive: true, force: true }));

  it("keeps files and folder to their owner", async () => {
    await store.write("secret.json", Buffer.from("x"));
    assert.equal((await stat(join(dir, "secret.json"))).mode & 0o777, 0o600);
    assert.equal((await stat(dir)).mode & 0o777, 0o700);
    assert.equal(String(await store.read("secret.json")), "x");
  });

  it("has nothing before the first write", async () => {
    assert.equal(await store.read("none"), undefined);
    assert.deepEqual(await store.list(), []);
    await store.remove("none");
  });

  it("leaves the old content when a write fails", async () => {
    await store.write("a", Buffer.from("old"));
    await assert.rejects(store.write("a", null as unknown as Uint8Array));
    assert.equal(String(await store.read("a")), "old");
    assert.deepEqual(await readdir(dir), ["a"]);
  });

  it("survives writers at the same time", async () => {
    const texts = Array.from({ length: 20 }, (_, index) => String(index).repeat(1_000));
    await Promise.all(texts.map((text) => store.write("a", Buffer.from(text))));
    assert.ok(texts.includes(String(await store.read("a"))));
    assert.deepEqual(await readdir(dir), ["a"]);
  });

  it("sweeps what a killed writer left, and nothing that is still being written", async () => {
    await store.write("a", Buffer.from("x"));
    await writeFile(join(dir, ".a.old.tmp"), "half");
    await writeFile(join(dir, ".a.new.tmp"), "half");
    const hourAgo = new Date(Date.now() - 3_600_000);
    await utimes(join(dir, ".a.old.tmp"), hourAgo, hourAgo);
    assert.deepEqual(await store.list(), ["a"]);
    assert.deepEqual((await readdir(dir)).sort(), [".a.new.tmp", "a"]);
  });

  it("takes no name that leads out of its folder", async () => {
    for (const name of ["../x", "a/b", "", ".hidden", "A", "x".repeat(200)]) {
      await assert.rejects(store.read(name), { code: "state_name_invalid" }, name);
      await assert.rejects(store.write(name, Buffer.from("x")), { code: "state_name_invalid" }, name);
    }
  });
});

describe("when revisions are kept in a store", () => {
  const blobs = createMemoryStateStore();
  const revisions = createRevisionStore(blobs, silentLogger);

  it("gives back what it was given", async () => {
    const documents = [{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "é\\n" } }];
    await revisions.saveState(state);
    await revisions.saveDocuments(digest, documents);
    assert.deepEqual(await revisions.loadState(), state);
    assert.deepEqual(await revisions.loadDocuments(digest), documents);
  });

  it("sets each broken file aside and goes on", async () => {
    const documents = `documents-${digest}.ndjson.gz`;
    await blobs.write(documents, Buffer.from("not gzip"));
    assert.equal(await revisions.loadDocuments(digest), undefined);
    const broken = ["", "{", "null", "[]", '{"version":2}', JSON.stringify({ ...state, phase: "odd" })];
    for (const text of [...broken, JSON.stringify({ ...state, good: [{ ...record, digest: "../x" }] })]) {
      await blobs.write("state.json", Buffer.from(text));
      assert.equal(await revisions.loadState(), undefined, text);
      assert.equal(await blobs.read("state.json"), undefined, text);
    }
    assert.equal(revisions.faults.length, broken.length + 2);
  });

  it("removes the objects of other revisions, and everything when told to", async () => {
    await revisions.saveDocuments(digest, []);
    await revisions.saveDocuments("b".repeat(64), []);
    await revisions.keepOnly([digest]);
    assert.deepEqual(await blobs.list(), [`documents-${digest}.ndjson.gz`]);
    await blobs.write("identity.json", Buffer.from("not ours"));
    await revisions.clear();
    assert.deepEqual(await blobs.list(), ["identity.json"]);
  });
});
