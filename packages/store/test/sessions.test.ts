import assert from "node:assert/strict";
import { newId } from "@rciots/runtime";
import type { ObjectStatus } from "@rciots/protocol";
import type { Desired, Device, Observed, RevisionAdvance, SessionOpening } from "../src/index.ts";
import { at, authority, certificate, device, hex, inParallel, organization, revision } from "./documents.ts";
import { describeStore } from "./suite.ts";

describeStore("sessions", (context) => {
  const add = async <T extends Device>(...devices: T[]): Promise<void> => {
    await context.store.deviceEnrollment.insertMany(devices);
  };
  const read = async (of: Device): Promise<Device> => {
    const found = await context.store.content.deviceById(of._id);
    assert.ok(found);
    return found;
  };
  const opening = (of: Device, change: Partial<SessionOpening> = {}): SessionOpening => ({
    deviceId: of._id,
    organizationId: of.organizationId,
    sessionId: newId("ses"),
    connectorId: "con_1",
    address: "192.0.2.1",
    wasOnline: false,
    ...change,
  });
  /** A device with a session that is open. */
  const connected = async (change: Partial<Device> = {}) => {
    const of = device(newId("org"), change);
    await add(of);
    const session = opening(of);
    await context.store.deviceSessions.open([session], at(0));
    return { of, session, ref: { deviceId: of._id, sessionId: session.sessionId } };
  };
  const unknown = () => ({ deviceId: newId("dev"), sessionId: newId("ses") });

  describe("when sessions open", () => {
    it("gives each the next epoch, and the last of 25 the device", async () => {
      const { deviceSessions } = context.store;
      const of = device(newId("org"));
      await add(of);
      const sessions = Array.from({ length: 25 }, () => opening(of));
      await inParallel(25, async (index) => deviceSessions.open(sessions.slice(index, index + 1), at(index)));
      const { presence } = await read(of);
      assert.equal(presence.epoch, 25);
      assert.equal(presence.online, true);
      assert.equal(sessions.filter(({ sessionId }) => sessionId === presence.sessionId).length, 1);
    });

    it("lets the newer of two have the device, and says so", async () => {
      const { deviceSessions } = context.store;
      const { of, ref } = await connected();
      const newer = opening(of, { connectorId: "con_2", wasOnline: true });
      const standing = (await deviceSessions.open([newer], at(500))).get(of._id);
      assert.deepEqual(standing, {
        online: true,
        connectorId: "con_2",
        sessionId: newer.sessionId,
        epoch: 2,
        since: at(0),
        lastSeenAt: at(500),
        address: "192.0.2.1",
      });
      await deviceSessions.close([ref], at(600));
      assert.deepEqual((await read(of)).presence, standing, "the older one's end changes nothing");
    });

    it("opens none for a device that is not active or another organisation's, and the rest of the batch", async () => {
      const { deviceSessions } = context.store;
      const organizationId = newId("org");
      const [active, disabled] = [device(organizationId), device(organizationId, { status: "disabled" })];
      await add(active, disabled);
      const batch = [opening(disabled), opening(active, { organizationId: newId("org") }), opening(active)];
      const standing = await deviceSessions.open(batch, at(0));
      assert.equal(standing.get(disabled._id)?.online, false);
      assert.equal(standing.get(active._id)?.sessionId, batch[2]?.sessionId);
      assert.equal(standing.get(active._id)?.epoch, 1);
    });

    it("judges by device, certificate and organisation, each lookup on its own", async () => {
      const { deviceSessions, organizations, certificates } = context.store;
      const tenant = organization({ status: "suspended" });
      await organizations.insert(tenant);
      const of = device(tenant._id);
      const issued = certificate(of);
      await add(of);
      await certificates.insertMany([issued]);
      const [known, noSerial, noDevice] = await deviceSessions.findStandings([
        { deviceId: of._id, serial: issued._id },
        { deviceId: of._id, serial: hex() },
        { deviceId: newId("dev"), serial: issued._id },
      ]);
      assert.deepEqual(known, {
        device: of,
        certificate: issued,
        organization: { _id: tenant._id, status: "suspended" },
      });
      assert.deepEqual([noSerial?.device?._id, noSerial?.certificate], [of._id, undefined]);
      assert.deepEqual(noDevice, { device: undefined, certificate: issued, organization: undefined });
      const found = await deviceSessions.findDevices([of._id, newId("dev")]);
      assert.deepEqual([...found], [[of._id, of]]);
    });

    it("lists organisations' issuers without their keys", async () => {
      const { authorities, deviceSessions } = context.store;
      const organizationId = newId("org");
      await authorities.insertOrGet(authority(organizationId, 1, { status: "accepted" }));
      await authorities.insertOrGet(authority("root", 1, { organizationId: null, kind: "root" }));
      const listed = await deviceSessions.listAuthorities();
      assert.deepEqual(
        listed.filter(({ _id }) => _id === "root:1"),
        [],
      );
      assert.deepEqual(
        listed.find(({ _id }) => _id === `${organizationId}:1`),
        { _id: `${organizationId}:1`, organizationId, status: "accepted", certificatePem: "certificate 1" },
      );
    });
  });

  describe("when sessions end", () => {
    it("marks the device offline once, at the time given", async () => {
      const { deviceSessions } = context.store;
      const { of, ref } = await connected();
      await deviceSessions.close([ref, unknown()], at(1_000));
      await deviceSessions.close([ref], at(2_000));
      assert.deepEqual((await read(of)).presence, {
        online: false,
        connectorId: null,
        sessionId: null,
        epoch: 1,
        since: at(1_000),
        lastSeenAt: at(1_000),
        address: "192.0.2.1",
      });
    });

    it("restores a session that was only taken for dead, unless a newer one came", async () => {
      const { deviceSessions } = context.store;
      const { of, ref } = await connected();
      const restore = { ...ref, connectorId: "con_1", epoch: 1 };
      await deviceSessions.lapse([ref], at(1_000));
      const lapsed = (await read(of)).presence;
      assert.deepEqual([lapsed.online, lapsed.since, lapsed.sessionId], [false, at(1_000), ref.sessionId]);
      await deviceSessions.restore([{ ...restore, epoch: 2 }], at(1_500));
      assert.equal((await read(of)).presence.online, false, "of another epoch");
      await deviceSessions.restore([restore], at(2_000));
      const restored = (await read(of)).presence;
      assert.deepEqual([restored.online, restored.since, restored.epoch], [true, at(2_000), 1]);

      await deviceSessions.lapse([ref], at(3_000));
      await deviceSessions.open([opening(of)], at(4_000));
      const newer = (await read(of)).presence;
      await deviceSessions.restore([restore], at(5_000));
      await deviceSessions.lapse([ref], at(5_000));
      assert.deepEqual((await read(of)).presence, newer);
    });

    it("lists what a connector holds in pages by id", async () => {
      const { deviceSessions } = context.store;
      const organizationId = newId("org");
      const held = Array.from({ length: 5 }, () => device(organizationId));
      await add(...held);
      const connectorId = newId("con");
      const sessions = held.map((of) => opening(of, { connectorId }));
      await deviceSessions.open(sessions, at(0));
      const [closed] = sessions;
      assert.ok(closed);
      await deviceSessions.lapse([closed], at(1));
      const first = await deviceSessions.listHeld(connectorId, "", 3);
      const rest = await deviceSessions.listHeld(connectorId, first.at(-1)?.deviceId ?? "", 3);
      const expected = sessions
        .slice(1)
        .map(({ deviceId, sessionId }) => ({ deviceId, organizationId, sessionId }))
        .sort((a, b) => (a.deviceId < b.deviceId ? -1 : 1));
      assert.deepEqual([...first, ...rest], expected);
      assert.deepEqual(await deviceSessions.listHeld(newId("con"), "", 3), []);
      const ids = held.map(({ _id }) => _id);
      assert.deepEqual(
        [...(await deviceSessions.holders([...ids, newId("dev")]))].sort(),
        sessions
          .slice(1)
          .map(({ deviceId }) => [deviceId, connectorId])
          .sort(),
      );
    });
  });

  describe("when devices report", () => {
    const observed = (of: Device, number: number, change: Partial<Observed> = {}): Observed => ({
      ...of.observed,
      revision: number,
      state: "healthy",
      reportedAt: at(number),
      ...change,
    });

    it("keeps the newest revision's report, from the newest session only", async () => {
      const { deviceSessions } = context.store;
      const { of, ref } = await connected();
      const save = (number: number, sessionId = ref.sessionId, change: Partial<Observed> = {}) =>
        deviceSessions.saveReports({
          observed: [{ deviceId: of._id, sessionId, observed: observed(of, number, change) }],
          revisions: [],
        });
      await save(2);
      await save(1);
      assert.equal((await read(of)).observed.revision, 2, "a stale report");
      await save(2, ref.sessionId, { state: "degraded" });
      assert.equal((await read(of)).observed.state, "degraded", "a later one of the same revision");
      await save(3, newId("ses"));
      assert.equal((await read(of)).observed.revision, 2, "another session's");
      await deviceSessions.open([opening(of)], at(1));
      await save(3);
      assert.equal((await read(of)).observed.revision, 2, "an older session's");
    });

    it("writes a batch of reports of which some do not apply", async () => {
      const { deviceSessions, deviceRevisions } = context.store;
      const [one, two] = [await connected(), await connected()];
      for (const { of } of [one, two])
        await deviceRevisions.advance([
          {
            deviceId: of._id,
            organizationId: of.organizationId,
            fromRevision: 0,
            desired: { ...of.desired, revision: 1, inputsHash: hex() },
            revision: revision(of, 1),
          },
        ]);
      await deviceSessions.saveReports({ observed: [], revisions: [] });
      await deviceSessions.saveReports({
        observed: [
          { ...one.ref, observed: observed(one.of, 1) },
          { ...unknown(), observed: observed(one.of, 1) },
          { ...two.ref, sessionId: newId("ses"), observed: observed(two.of, 1) },
        ],
        revisions: [
          { deviceId: one.of._id, revision: 1, set: { state: "healthy", finishedAt: at(5) } },
          { deviceId: one.of._id, revision: 9, set: { state: "failed" } },
        ],
      });
      assert.equal((await read(one.of)).observed.revision, 1);
      assert.equal((await read(two.of)).observed.revision, 0);
      const ids = [`${one.of._id}:1`, `${two.of._id}:1`, `${one.of._id}:9`];
      const states = await deviceSessions.findRevisionStates(ids);
      assert.deepEqual(
        ids.map((id) => states.get(id)?.state),
        ["healthy", "offered", undefined],
      );
      assert.deepEqual(states.get(ids[0] ?? "")?.finishedAt, at(5));
    });

    it("stores pages of objects, and drops those of a longer set before", async () => {
      const { deviceSessions, devices } = context.store;
      const { of } = await connected();
      const { organizationId, _id: deviceId } = of;
      const object = (name: string): ObjectStatus =>
        ({ apiVersion: "v1", kind: "ConfigMap", name, health: "Current" }) as unknown as ObjectStatus;
      const page = (number: number, pages: number, name: string, version = 1) => ({
        organizationId,
        deviceId,
        revision: version,
        page: number,
        pages,
        objects: [object(name)],
        completes: number === pages - 1,
      });
      await deviceSessions.saveObjects([]);
      await deviceSessions.saveObjects([page(0, 3, "a"), page(1, 3, "b"), page(2, 3, "c")]);
      await deviceSessions.saveObjects([page(0, 2, "d", 2)]);
      const names = async () =>
        (
          await Promise.all([0, 1, 2].map((number) => devices.findObjects(organizationId, deviceId, number)))
        ).map((found) => found?.objects[0]?.name);
      assert.deepEqual(await names(), ["d", "b", "c"], "not complete yet");
      await deviceSessions.saveObjects([page(1, 2, "e", 2)]);
      assert.deepEqual(await names(), ["d", "e", undefined]);
      await deviceSessions.saveObjects([page(0, 1, "f", 3)]);
      assert.deepEqual(await names(), ["f", undefined, undefined]);
    });

    it("notes facts of the session that is current", async () => {
      const { deviceSessions } = context.store;
      const { of, ref } = await connected();
      await deviceSessions.saveFacts([
        { ...ref, facts: { hostname: "gate", cpuCount: 4 }, capabilities: ["commands"] },
        { ...unknown(), facts: { hostname: "nobody" }, capabilities: [] },
      ]);
      const stale = { facts: { hostname: "stale" }, capabilities: [] };
      await deviceSessions.saveFacts([{ ...ref, sessionId: newId("ses"), ...stale }]);
      const { facts, capabilities } = await read(of);
      assert.deepEqual([facts, capabilities], [{ hostname: "gate", cpuCount: 4 }, ["commands"]]);
    });
  });

  describe("when desired states advance", () => {
    const desiredOf = (number: number, change: Partial<Desired> = {}): Desired => ({
      revision: number,
      digest: hex(),
      inputsHash: hex(),
      wire: { kind: "none", revision: number },
      error: null,
      updatedAt: at(number),
      ...change,
    });
    const change = (of: Device, from: number, desired = desiredOf(from + 1)): RevisionAdvance => ({
      deviceId: of._id,
      organizationId: of.organizationId,
      fromRevision: from,
      desired,
      revision: revision(of, desired.revision, {
        digest: desired.digest ?? "",
        inputsHash: desired.inputsHash ?? "",
      }),
    });

    it("moves each device of a batch from the revision it was computed for", async () => {
      const { deviceRevisions } = context.store;
      const organizationId = newId("org");
      const devices = [device(organizationId), device(organizationId), device(organizationId)];
      await add(...devices);
      const [one, two, three] = devices;
      assert.ok(one && two && three);
      assert.equal((await deviceRevisions.advance([])).size, 0);
      const stale = { ...change(two, 0), fromRevision: 7 };
      const foreign = { ...change(three, 0), organizationId: newId("org") };
      const moved = await deviceRevisions.advance([change(one, 0), stale, foreign]);
      assert.deepEqual([...moved.keys()], [one._id]);
      assert.deepEqual(
        (await Promise.all(devices.map(read))).map(({ desired }) => desired.revision),
        [1, 0, 0],
      );
    });

    it("leaves history and device of one mind when 25 replicas move it to different contents", async () => {
      const { deviceRevisions } = context.store;
      const of = device(newId("org"));
      await add(of);
      const changes = Array.from({ length: 25 }, () => change(of, 0));
      const moved = await inParallel(25, (index) => deviceRevisions.advance(changes.slice(index, index + 1)));
      assert.equal(moved.filter((each) => each.size === 1).length, 1);
      const { desired } = await read(of);
      const winner = changes[moved.findIndex((each) => each.size === 1)];
      assert.equal(desired.digest, winner?.desired.digest);
      const history = await deviceRevisions.get(of.organizationId, of._id, desired.revision);
      assert.deepEqual([history?.digest, history?.inputsHash], [desired.digest, desired.inputsHash]);
      assert.equal(desired.wire.revision, desired.revision);
    });

    it("never writes over the history of a revision that a device is at", async () => {
      const { deviceRevisions, deviceSessions } = context.store;
      const { of } = await connected();
      const first = change(of, 0);
      await deviceRevisions.advance([first]);
      await deviceSessions.saveReports({
        observed: [],
        revisions: [{ deviceId: of._id, revision: 1, set: { state: "healthy" } }],
      });
      const slow = await deviceRevisions.advance([change(of, 0), { ...first }]);
      assert.equal(slow.size, 1, "the repetition of what is in force counts as moved");
      const history = await deviceRevisions.get(of.organizationId, of._id, 1);
      assert.deepEqual([history?.digest, history?.state], [first.desired.digest, "healthy"]);
    });

    it("gets past the history that a replica left behind when it died", async () => {
      const { deviceRevisions } = context.store;
      const of = device(newId("org"));
      await add(of);
      const { db } = context.database;
      await db.collection<{ _id: string }>("deviceRevisions").insertOne(revision(of, 1));
      const next = change(of, 0);
      const moved = await deviceRevisions.advance([next]);
      assert.equal(moved.get(of._id)?.revision, 2);
      const { desired } = await read(of);
      assert.deepEqual(desired, moved.get(of._id));
      assert.deepEqual([desired.revision, desired.wire.revision], [2, 2]);
      const history = await deviceRevisions.get(of.organizationId, of._id, 2);
      assert.equal(history?.digest, next.desired.digest);
    });

    it("takes the history that it left behind itself", async () => {
      const { deviceRevisions } = context.store;
      const of = device(newId("org"));
      await add(of);
      const next = change(of, 0);
      const { db } = context.database;
      await db
        .collection<{ _id: string }>("deviceRevisions")
        .insertOne({ ...revision(of, 1), ...next.revision });
      assert.equal((await deviceRevisions.advance([next])).get(of._id)?.revision, 1);
    });

    it("notes a change that makes no revision", async () => {
      const { deviceRevisions } = context.store;
      const of = device(newId("org"));
      await add(of);
      const { revision: _none, ...fault } = change(of, 0, { ...of.desired, error: "variable_missing: x" });
      assert.equal((await deviceRevisions.advance([fault])).size, 1);
      assert.equal((await read(of)).desired.error, "variable_missing: x");
      assert.deepEqual(await deviceRevisions.list({ ...fault, limit: 5 }), []);
    });

    it("reads revisions of an organisation, one, several, or pages with the newest first", async () => {
      const { deviceRevisions } = context.store;
      const of = device(newId("org"));
      const { organizationId, _id: deviceId } = of;
      await add(of);
      for (const number of [0, 1, 2]) await deviceRevisions.advance([change(of, number)]);
      const numbers = async (query: { before?: number; limit: number }) =>
        (await deviceRevisions.list({ organizationId, deviceId, ...query })).map(({ revision }) => revision);
      assert.deepEqual(await numbers({ limit: 2 }), [3, 2]);
      assert.deepEqual(await numbers({ before: 2, limit: 2 }), [1]);
      assert.equal((await deviceRevisions.get(organizationId, deviceId, 2))?.revision, 2);
      assert.equal(await deviceRevisions.get(newId("org"), deviceId, 2), null);
      assert.equal(await deviceRevisions.get(organizationId, deviceId, 9), null);
      const wanted = [
        { deviceId, revision: 1 },
        { deviceId, revision: 9 },
        { deviceId: newId("dev"), revision: 1 },
      ];
      assert.deepEqual(
        [...(await deviceRevisions.getMany(organizationId, wanted)).keys()],
        [`${deviceId}:1`],
      );
      assert.equal((await deviceRevisions.getMany(newId("org"), wanted)).size, 0);
      assert.equal((await deviceRevisions.getMany(organizationId, [])).size, 0);
      assert.deepEqual(await deviceRevisions.list({ organizationId: newId("org"), deviceId, limit: 5 }), []);
    });
  });
});
