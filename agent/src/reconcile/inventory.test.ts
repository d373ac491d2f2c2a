import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { objectKey } from "../kube/cluster.ts";
import { applySetId } from "./apply-set.ts";
import {
  decodeInventory,
  encodeInventory,
  type Inventory,
  type InventoryEntry,
  uniteInventories,
} from "./inventory.ts";

const entry = (name: string, more: Partial<InventoryEntry> = {}): InventoryEntry => ({
  ref: { apiVersion: "apps/v1", kind: "Deployment", namespace: "web", name },
  uid: undefined,
  created: undefined,
  ...more,
});
const inventory = (...entries: InventoryEntry[]): Inventory =>
  new Map(entries.map((each) => [objectKey(each.ref), each]));

describe("when an inventory is kept", () => {
  it("comes back as it was", async () => {
    const namespace = {
      ref: { apiVersion: "v1", kind: "Namespace", name: "web" },
      uid: "u",
      created: true,
    } as const;
    const original = inventory(entry("a", { uid: "1" }), entry("b"), namespace);
    assert.deepEqual(await decodeInventory(await encodeInventory(original)), original);
  });

  it("fits into a ConfigMap with five thousand entries", async () => {
    const uid = () => crypto.randomUUID();
    const entries = Array.from({ length: 5_000 }, (_, index) =>
      entry(`some-rather-long-name-of-an-object-${index}`, { uid: uid() }),
    );
    const encoded = (await encodeInventory(inventory(...entries))).toString("base64");
    assert.ok(encoded.length < 700_000, String(encoded.length));
  });

  it("refuses what is none", async () => {
    for (const content of ["x", gzipSync("x"), gzipSync("{}"), gzipSync('{"version":1,"rows":[[1]]}')]) {
      await assert.rejects(decodeInventory(Buffer.from(content)));
    }
    const bomb = gzipSync(Buffer.alloc(65 * 1024 * 1024));
    await assert.rejects(decodeInventory(bomb), { code: "ERR_BUFFER_TOO_LARGE" });
  });

  it("loses nothing when two are united, and takes the newer version of an API", () => {
    const moved = { ...entry("a"), ref: { ...entry("a").ref, apiVersion: "apps/v2" } };
    const united = uniteInventories(
      inventory(entry("a", { uid: "1" }), entry("b")),
      inventory(moved, entry("c")),
    );
    assert.deepEqual(
      [...united.values()].map(({ ref }) => ref.name),
      ["a", "b", "c"],
    );
    assert.deepEqual(united.get(objectKey(moved.ref)), { ...moved, uid: "1" });
  });
});

describe("when the id of an ApplySet is derived", () => {
  it("depends on the parent alone and fits into a label", () => {
    const id = applySetId({ namespace: "agent", name: "rciots-agent" });
    assert.match(id, /^applyset-[A-Za-z0-9_-]{43}-v1$/);
    assert.notEqual(id, applySetId({ namespace: "other", name: "rciots-agent" }));
  });
});
