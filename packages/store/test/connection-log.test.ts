import assert from "node:assert/strict";
import { createMemoryBus, newId, silentLogger } from "@rciots/runtime";
import { eventually } from "../../../test/harness/eventually.ts";
import { createConnectionLog, type AskedConnection, type Event, type Store } from "../src/index.ts";
import { describeStore } from "./suite.ts";

describeStore("connection-log", (context) => {
  let organizationId: string;
  let now: number;
  beforeEach(() => {
    organizationId = newId("org");
    now = Date.now();
  });

  const address = "203.0.113.5";
  const asked = (more: Partial<AskedConnection> = {}): AskedConnection => ({
    organizationId,
    deviceId: "dev_1",
    actor: { kind: "address", id: address, name: address },
    address,
    target: { host: "127.0.0.1", port: 22 },
    way: { id: "tun_1", name: "the tunnel on port 20022" },
    details: { tunnelId: "tun_1" },
    ...more,
  });
  const stream = () => ({ sentBytes: 0, receivedBytes: 0, isOver: false });
  const create = (
    store: Pick<Store, "events"> = context.store,
    limits = { perWay: 30, perOrganization: 600 },
  ) => createConnectionLog({ store, bus: createMemoryBus(), logger: silentLogger, limits, now: () => now });
  const events = async (): Promise<Event[]> =>
    (await context.store.events.list({ organizationId, limit: 100 })).toReversed();
  const kindsOf = (found: Event[]): string[] => found.map(({ kind }) => kind);

  it("has one record of a short connection, with its end", async () => {
    const log = create();
    const connection = stream();
    log.begin(asked()).opened(connection);
    now += 40;
    Object.assign(connection, { sentBytes: 7, receivedBytes: 9, isOver: true });
    await log.stop();
    const [event, ...others] = await events();
    assert.deepEqual(others, []);
    assert.deepEqual([event?.kind, event?.address, event?.actor.id], ["connection.opened", address, address]);
    const { connectionId, ...details } = event?.details ?? {};
    assert.match(String(connectionId), /^con_/);
    assert.deepEqual(details, {
      target: { host: "127.0.0.1", port: 22 },
      tunnelId: "tun_1",
      durationMs: 40,
      sentBytes: 7,
      receivedBytes: 9,
    });
    assert.equal(event?.message, "A connection to 127.0.0.1:22 was opened through the tunnel on port 20022.");
  });

  it("has one at once and one at the end of a long one, and one of what is refused", async () => {
    const log = create();
    log.loop.start();
    const connection = stream();
    log.begin(asked()).opened(connection);
    log.begin(asked()).refused({ code: "not_allowed", message: "Not from here." });
    log.begin(asked()).refused(new DOMException("gone", "AbortError"));
    log.begin(asked()).refused(new Error("a secret of the platform"));
    await eventually(async () => assert.equal((await events()).length, 4));
    now += 5_000;
    Object.assign(connection, { sentBytes: 100, isOver: true });
    await eventually(async () => assert.equal((await events()).length, 5));
    await log.stop();
    const found = await events();
    const [opened] = found.filter(({ kind }) => kind === "connection.opened");
    const closed = found.at(-1);
    assert.equal(closed?.kind, "connection.closed");
    assert.equal(closed.details["connectionId"], opened?.details["connectionId"]);
    assert.deepEqual([closed.details["durationMs"], closed.details["sentBytes"]], [5_000, 100]);
    const refused = found.filter(({ kind }) => kind === "connection.refused");
    assert.deepEqual(refused.map(({ details }) => details["reason"]).sort(), [
      "given_up",
      "internal_error",
      "not_allowed",
    ]);
    assert.ok(refused.every(({ message }) => !message.includes("secret")));
  });

  it("says of what was open when the process stopped that it ended then", async () => {
    const log = create();
    log.begin(asked()).opened({ ...stream(), sentBytes: 3 });
    now += 1_000;
    await log.stop();
    assert.deepEqual(
      (await events()).map(({ details }) => [details["durationMs"], details["sentBytes"]]),
      [[1_000, 3]],
    );
  });

  it("counts what is beyond the limit of a way, and says how many, of whom and why", async () => {
    const log = create(context.store, { perWay: 3, perOrganization: 600 });
    const connections = Array.from({ length: 50 }, () => ({ ...stream(), sentBytes: 2, isOver: true }));
    for (const connection of connections) log.begin(asked()).opened(connection);
    for (let index = 0; index < 100; index += 1) {
      const from = `198.51.100.${index}`;
      const actor = { kind: "address", id: from, name: from } as const;
      log.begin(asked({ actor, address: from })).refused({ code: "not_allowed", message: "No." });
    }
    log.begin(asked({ way: { id: "tun_2", name: "another one" } })).opened(stream());
    await log.stop();
    const found = await events();
    const count = (kind: string): number => found.filter((event) => event.kind === kind).length;
    assert.equal(count("connection.opened"), 4);
    assert.equal(count("connection.refused"), 3);
    assert.equal(count("connection.summed"), 1);
    const sum = found.find(({ kind }) => kind === "connection.summed");
    const { opened, refused, ended, sentBytes, addresses, reasons } = sum?.details ?? {};
    assert.deepEqual([opened, refused, ended, sentBytes, reasons], [47, 97, 47, 94, ["not_allowed: 97"]]);
    const listed = addresses as string[];
    assert.equal(listed.length, 21);
    assert.ok(listed.includes(`${address}: 47`));
    assert.match(sum?.message ?? "", /^144 more connections .* only counted: 47 opened, 97 refused\.$/);
  });

  it("writes the sums of a minute when it is over, and begins anew", async () => {
    const log = create(context.store, { perWay: 1, perOrganization: 600 });
    log.loop.start();
    const refuse = () => log.begin(asked()).refused({ code: "not_allowed", message: "No." });
    refuse();
    refuse();
    await eventually(async () => assert.deepEqual(kindsOf(await events()), ["connection.refused"]));
    now += 60_000;
    await eventually(async () =>
      assert.deepEqual(kindsOf(await events()), ["connection.refused", "connection.summed"]),
    );
    refuse();
    await eventually(async () => assert.equal((await events()).length, 3));
    await log.stop();
    assert.equal((await events()).length, 3);
  });

  it("lets one organisation take nothing from another", async () => {
    const log = create(context.store, { perWay: 30, perOrganization: 2 });
    for (let index = 0; index < 5; index += 1) {
      const way = { id: `tun_${index}`, name: "a tunnel" };
      log.begin(asked({ organizationId: "org_other", way })).opened({ ...stream(), isOver: true });
    }
    log.begin(asked()).opened({ ...stream(), isOver: true });
    await log.stop();
    assert.deepEqual(kindsOf(await events()), ["connection.opened"]);
  });

  it("loses and doubles nothing where the store fails meanwhile, also after it has stored them", async () => {
    let failures = 0;
    const failing = {
      events: {
        ...context.store.events,
        async appendMany(added: Parameters<Store["events"]["appendMany"]>[0]) {
          failures += 1;
          if (failures === 1) throw new Error("The store is away.");
          await context.store.events.appendMany(added);
          if (failures === 2) throw new Error("The answer was lost.");
        },
      },
    };
    const log = create(failing);
    log.loop.start();
    log.begin(asked()).refused({ code: "not_allowed", message: "No." });
    await eventually(() => assert.equal(failures, 3));
    await log.stop();
    assert.deepEqual(kindsOf(await events()), ["connection.refused"]);
  });
});
