import assert from "node:assert/strict";
import { silentLogger } from "@rciots/runtime";
import { createDeviceDirectory, type DeviceDirectory } from "../src/devices/device-directory.ts";
import { deviceDocument, eventually, startApi, type ApiFixture } from "./api-fixture.ts";

describe("when devices are kept in memory for searches", () => {
  let api: ApiFixture;
  before(async () => {
    api = await startApi();
  });
  after(() => api.stop());

  const directories: DeviceDirectory[] = [];
  afterEach(async () => {
    for (const { loop } of directories.splice(0)) await loop.stop();
  });

  /** Counts what is asked of the store. */
  function start(now?: () => number) {
    const asked = { pages: 0, heads: 0, failures: 0 };
    const { devices } = api.store;
    const store = {
      devices: {
        ...devices,
        async listHeads(...args: Parameters<typeof devices.listHeads>) {
          asked.pages += 1;
          if (asked.failures > 0) {
            asked.failures -= 1;
            throw new Error("The store is away.");
          }
          return devices.listHeads(...args);
        },
        async findHeads(...args: Parameters<typeof devices.findHeads>) {
          asked.heads += args[1].length;
          return devices.findHeads(...args);
        },
      },
    };
    const directory = createDeviceDirectory({
      store,
      bus: api.bus,
      logger: silentLogger,
      ...(now === undefined ? {} : { now }),
    });
    directories.push(directory);
    const total = async (organizationId: string, q?: string): Promise<number> =>
      (await directory.list(organizationId, { q }, { sort: "newest", limit: 1 })).total;
    return { directory, asked, total };
  }

  async function fleet(count: number) {
    const organizationId = await api.createOrganization();
    const devices = Array.from({ length: count }, (_none, index) =>
      deviceDocument({ organizationId, name: `d-${index}`, labels: { phase: "one" } }),
    );
    await api.store.deviceEnrollment.insertMany(devices);
    return { organizationId, devices };
  }

  it("reads all of them once, and then what hints name and what is new", async () => {
    const { organizationId, devices } = await fleet(1_100);
    const { directory, asked, total } = start();
    directory.loop.start();
    assert.equal(await total(organizationId), 1_100);
    const pages = asked.pages;
    assert.ok(pages >= 3, `${pages} pages`);
    assert.equal(await total(organizationId, "d-77"), 11);
    assert.equal(asked.pages, pages + 1, "one look for new ones");
    const deviceIds = devices.slice(0, 3).map(({ _id }) => _id);
    api.bus.publish("device:updated", { organizationId, deviceIds });
    api.bus.publish("device:updated", { organizationId, deviceIds });
    await eventually(async () => {
      await total(organizationId);
      assert.equal(asked.heads, 3, "each once");
    });
  });

  it("finds in a round what no hint told: changed, gone and new", async () => {
    const { organizationId, devices } = await fleet(700);
    const { directory, total } = start();
    assert.equal(await total(organizationId, "phase=one"), 700);
    const [changed, gone] = [devices[3], devices[650]];
    assert.ok(changed && gone);
    await api.store.devices.update(organizationId, changed._id, 1, { labels: { phase: "two" } });
    await api.store.deviceEnrollment.remove(organizationId, gone._id);
    assert.equal(await total(organizationId, "phase=two"), 0);
    directory.loop.start();
    await eventually(async () => {
      assert.equal(await total(organizationId, "phase=two"), 1);
      assert.equal(await total(organizationId), 699);
    });
  });

  it("answers nothing while the store is away, and everything when it is back", async () => {
    const { organizationId } = await fleet(3);
    const { asked, total } = start();
    asked.failures = 1;
    await assert.rejects(total(organizationId), /away/);
    assert.equal(await total(organizationId), 3);
  });

  it("reads once for many who ask at the same time", async () => {
    const { organizationId } = await fleet(3);
    const { asked, total } = start();
    assert.deepEqual(
      await Promise.all(Array.from({ length: 20 }, () => total(organizationId))),
      Array(20).fill(3),
    );
    assert.ok(asked.pages <= 2, `${asked.pages} reads`);
  });

  it("forgets an organisation that nobody asks for, and reads it again when somebody does", async () => {
    let nowMs = 0;
    const { organizationId } = await fleet(3);
    const { organizationId: other } = await fleet(1);
    const { directory, asked, total } = start(() => nowMs);
    await total(organizationId);
    nowMs += 1_800_000;
    await total(other);
    const pages = asked.pages;
    directory.loop.start();
    await eventually(() => assert.equal(asked.pages, pages + 1, "the round reads the other one alone"));
    assert.equal(await total(organizationId), 3);
  });
});
