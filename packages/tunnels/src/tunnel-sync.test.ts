import assert from "node:assert/strict";
import { conflict, createMemoryBus, type BusCallHandler } from "@rciots/runtime";
import { createTunnelSync } from "./tunnel-sync.ts";

const ref = { organizationId: "org", deviceId: "dev", tunnelId: "tun" };
type Handler = BusCallHandler<"tunnel:sync">;

const says =
  (state: Awaited<ReturnType<Handler>>["state"], message: string | null = null): Handler =>
  async () => ({ state, message });
const hangs: Handler = () => new Promise(() => undefined);
const throws =
  (error: Error): Handler =>
  async () => {
    throw error;
  };

/** Connectors by what they do when they are asked; undefined: it has a lease and is gone. */
function syncWith(...handlers: (Handler | undefined)[]) {
  const bus = createMemoryBus();
  handlers.forEach((handler, index) => {
    if (handler !== undefined) bus.serve("tunnel:sync", `con_${index}`, handler);
  });
  const connectors = async () => handlers.map((_handler, index) => `con_${index}`);
  return createTunnelSync({ bus, store: { leases: { connectors } as never } })(ref);
}

describe("when all connectors are asked to make what listens match the store", function () {
  // Half of what is waited for where nobody answers at all.
  this.timeout(10_000);
  const failed = says("failed", "The port is taken.");

  it("one that listens is enough, also where others can't or stand by", async () => {
    assert.deepEqual(await syncWith(failed, says("open"), says("standby")), { state: "open", message: null });
  });

  it("it is closed where one finds that it is gone", async () => {
    const answer = { state: "closed", message: null };
    assert.deepEqual(await syncWith(says("open"), says("closed"), undefined), answer);
  });

  it("it has failed where all say so, those left out that are gone", async () => {
    const answer = { state: "failed", message: "The port is taken." };
    assert.deepEqual(await syncWith(failed, undefined, failed), answer);
    assert.deepEqual(await syncWith(failed, says("waiting")), { state: "waiting", message: null });
  });

  it("one that hangs is not waited for, and may be one that listens", async () => {
    assert.deepEqual(await syncWith(says("open"), hangs), { state: "open", message: null });
    assert.deepEqual(await syncWith(failed, hangs), { state: "waiting", message: null });
  });

  it("a fault is one where nobody can, and else the others' answer", async () => {
    const off = throws(conflict({ code: "tunnels_off", message: "Off." }));
    const broken = throws(new Error("broken"));
    await assert.rejects(syncWith(off, undefined), { code: "tunnels_off" });
    assert.deepEqual(await syncWith(off, says("open")), { state: "open", message: null });
    assert.deepEqual(await syncWith(broken, failed), { state: "waiting", message: null });
    await assert.rejects(syncWith(broken), { code: "internal_error" });
  });

  it("nothing is known where no connector lives", async () => {
    assert.equal(await syncWith(), undefined);
    assert.equal(await syncWith(undefined), undefined);
  });
});
