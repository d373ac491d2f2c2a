import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import {
  createAgent,
  createMemoryIdentityStore,
  createMemoryStateStore,
  parseAllowList,
  type Agent,
} from "@rciots/agent";
import { createStreamDuplex, resetSocket, type DeviceStreams, type StreamDevice } from "@rciots/protocol";
import {
  createPeerIdentity,
  createRelayedStreams,
  createRelayServer,
  type PeerIdentity,
  type RelayedStreams,
  type RelayServer,
} from "@rciots/relay";
import { conflict, createVault, parseMasterKeys, silentLogger } from "@rciots/runtime";
import { eventually } from "../harness/eventually.ts";
import { startPlatform, type Platform } from "./agent-fixture.ts";
import { startStallingRelay } from "./agent-relays.ts";

const vaultOf = (name: string) =>
  createVault({ masterKeys: parseMasterKeys(createHash("sha256").update(name).digest("base64")) });
const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

async function hashOf(from: NodeJS.ReadableStream): Promise<string> {
  const hash = createHash("sha256");
  from.on("data", (chunk: Buffer) => hash.update(chunk));
  await once(from, "end");
  return hash.digest("hex");
}

describe("streams to a device whose session another process holds", function () {
  this.timeout(90_000);
  const quick = { beatMs: 100, silentBeats: 3, connectTimeoutMs: 1_000 };
  let platform: Platform;
  let agent: Agent;
  let target: Server;
  let port: number;
  let onTarget: (socket: Socket) => void;
  let atHolder: PeerIdentity;
  let elsewhere: PeerIdentity;
  let server: RelayServer;
  let streams: RelayedStreams;
  let advertised: string | null = null;
  const atTarget = new Set<Socket>();
  const started: RelayedStreams[] = [];

  async function identityOf(holder: string, options: object = {}): Promise<PeerIdentity> {
    const { store } = platform;
    const shared = { store, vault: vaultOf("installation"), holder, logger: silentLogger };
    const identity = createPeerIdentity({ ...shared, ...options });
    await identity.load();
    return identity;
  }
  /** What a process without sessions of its own has. */
  function relayed(identity = elsewhere, options: object = {}): RelayedStreams {
    const made = createRelayedStreams({
      store: platform.store,
      identity,
      logger: silentLogger,
      settings: quick,
      ...options,
    });
    started.push(made);
    return made;
  }
  const device = (): StreamDevice => ({
    organizationId: platform.organizationId,
    deviceId: agent.status().deviceId ?? "",
  });
  const to = (change: object = {}) => ({ kind: "tcp" as const, host: "127.0.0.1", port, ...change });
  const open = (over: DeviceStreams = streams, change: object = {}, signal?: AbortSignal) =>
    over.open(device(), to(change), signal);

  /** Where the lease says from now on that the holder is reached. */
  async function advertise(address: string): Promise<void> {
    advertised = address;
    await eventually(async () =>
      assert.equal(await platform.store.leases.addressOf("connector:connector-1"), address),
    );
  }
  const ownAddress = (): string => `127.0.0.1:${server.address().port}`;

  before(async () => {
    platform = await startPlatform({ relayAddress: () => advertised, settings: { leaseRenewMs: 50 } });
    [atHolder, elsewhere] = await Promise.all([identityOf("one"), identityOf("two")]);
    server = createRelayServer({
      identity: atHolder,
      streams: { open: (...args) => platform.connector().streams.open(...args) },
      host: "127.0.0.1",
      port: 0,
      logger: silentLogger,
      settings: quick,
    });
    await server.start();
    await advertise(ownAddress());
    target = createServer({ allowHalfOpen: true }, (socket) => {
      atTarget.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => atTarget.delete(socket));
      onTarget(socket);
    });
    target.listen(0, "127.0.0.1");
    await once(target, "listening");
    ({ port } = target.address() as AddressInfo);
    agent = createAgent({
      platformUrl: platform.enrollUrl(),
      trust: { kind: "ca", pem: platform.rootPem() },
      name: "relayed",
      identityStore: createMemoryIdentityStore(),
      stateStore: createMemoryStateStore(),
      findCluster: async () => undefined,
      readFacts: async () => ({ simulated: true }),
      agentVersion: "0.0.0-test",
      tunnels: parseAllowList(["loopback"]),
      logger: silentLogger,
      backoff: { minMs: 50, maxMs: 500 },
      provisioningToken: await platform.addToken(),
    });
    agent.start();
    await eventually(() => assert.equal(agent.status().phase, "connected"));
    streams = relayed();
  });
  after(async () => {
    for (const each of started) each.stop();
    await agent?.stop();
    for (const socket of atTarget) socket.destroy();
    target?.close();
    await server?.stop();
    await platform?.stop();
  });

  it("carry large files both ways at once over one connection, and each way ends by itself", async () => {
    const bytes = randomBytes(12 * 1_048_576);
    const atTargetHashes: Promise<string>[] = [];
    onTarget = (socket) => {
      atTargetHashes.push(hashOf(socket));
      socket.once("end", () => socket.end(bytes));
    };
    const opened = (await Promise.all([open(), open()])).map(createStreamDuplex);
    const back = opened.map((stream) => hashOf(stream));
    for (const stream of opened) stream.end(bytes);
    const whole = [sha256(bytes), sha256(bytes)];
    assert.deepEqual([await Promise.all(back), await Promise.all(atTargetHashes)], [whole, whole]);
    assert.deepEqual([streams.peers, server.counts().peers], [1, 1]);
    await eventually(() => assert.deepEqual([server.counts().streams, atTarget.size], [0, 0]));
  });

  it("are refused with the device's words and their status", async () => {
    await assert.rejects(open(streams, { host: "192.0.2.1" }), { code: "target_not_allowed", status: 409 });
    await assert.rejects(open(streams, { port: 1 }), { code: "connection_refused", status: 502 });
    const stranger = { ...device(), organizationId: "org_00000000000000000000000000" };
    await assert.rejects(streams.open(stranger, to()), { code: "device_not_found", status: 404 });
  });

  it("end with what the target does, and what the opener does", async () => {
    onTarget = (socket) => void socket.once("data", () => resetSocket(socket));
    const stream = createStreamDuplex(await open());
    stream.write("x");
    const [error] = (await once(stream, "error")) as [Error & { code: string }];
    assert.equal(error.code, "connection_reset");

    onTarget = () => undefined;
    const given = createStreamDuplex(await open());
    await eventually(() => assert.equal(atTarget.size, 1));
    given.destroy();
    await eventually(() => assert.equal(atTarget.size, 0));
  });

  it("can be given up while they are opened", async () => {
    const giveUp = new AbortController();
    const opening = open(streams, {}, giveUp.signal);
    giveUp.abort();
    await assert.rejects(opening, { name: "AbortError" });
    await eventually(() => assert.deepEqual([server.counts().streams, atTarget.size], [0, 0]));
  });

  it("hold back a sender whose reader stands still, and nobody else", async () => {
    let writtenBytes = 0;
    onTarget = (socket) => {
      const chunk = Buffer.alloc(65_536);
      const write = (): void => {
        while (!socket.destroyed && socket.write(chunk)) writtenBytes += chunk.length;
      };
      socket.on("drain", write);
      write();
    };
    const stalled = await open();
    await eventually(() => assert.ok(stalled.receivedBytes === 0 && writtenBytes > 1_000_000));
    let seenBytes = -1;
    await eventually(
      () => {
        const before = seenBytes;
        seenBytes = writtenBytes;
        assert.equal(before, writtenBytes, "the sender stands still too");
      },
      { intervalMs: 300 },
    );
    // Windows of both legs, queues, and the kernels' buffers.
    assert.ok(writtenBytes < 24 * 1_048_576, `${writtenBytes} bytes were taken`);
    onTarget = (socket) => void socket.pipe(socket);
    const other = createStreamDuplex(await open());
    other.end("goes on");
    const [echo] = (await once(other, "data")) as [Buffer];
    assert.equal(echo.toString(), "goes on");
    stalled.reset({ code: "closed", message: "" });
    await eventually(() => assert.equal(atTarget.size, 0));
  });

  it("end within moments where the path between the processes swallows everything, and work again on another", async () => {
    onTarget = (socket) => void socket.pipe(socket);
    const path = await startStallingRelay(server.address().port);
    await advertise(`127.0.0.1:${path.port}`);
    const own = relayed();
    const stream = createStreamDuplex(await open(own));
    const broken = once(stream, "error");
    path.stall();
    const [error] = (await broken) as [Error & { code: string }];
    assert.equal(error.code, "session_ended");
    await eventually(() => assert.equal(atTarget.size, 0));
    await assert.rejects(open(own), { code: "relay_unavailable", status: 503 });
    await advertise(ownAddress());
    const again = createStreamDuplex(await open(own));
    again.end("back");
    const [echo] = (await once(again, "data")) as [Buffer];
    assert.equal(echo.toString(), "back");
    await path.stop();
  });

  it("end at once where the other process is killed, and say so to the next who asks", async () => {
    onTarget = (socket) => void socket.pipe(socket);
    const path = await startStallingRelay(server.address().port);
    await advertise(`127.0.0.1:${path.port}`);
    const own = relayed();
    const stream = createStreamDuplex(await open(own));
    stream.write("half of it");
    await once(stream, "data");
    const broken = once(stream, "error");
    await path.stop();
    assert.equal(((await broken)[0] as { code: string }).code, "session_ended");
    await assert.rejects(open(own), { code: "relay_unavailable" });
    await advertise(ownAddress());
    (await open(own)).reset({ code: "closed", message: "" });
  });

  it("are followed where the session moves between the look and the opening", async () => {
    onTarget = (socket) => void socket.pipe(socket);
    const { db } = platform;
    const { presence } = await platform.device(device().deviceId);
    const place = (connectorId: string, sessionId: string) =>
      db
        .collection("devices")
        .updateOne(
          { _id: device().deviceId as never },
          { $set: { "presence.connectorId": connectorId, "presence.sessionId": sessionId } },
        );
    await place("connector-2", "ses_00000000000000000000000000");
    let isAsked = false;
    const local: DeviceStreams = {
      async open({ sessionId }) {
        if (sessionId !== undefined) {
          isAsked = true;
          await place("connector-1", presence.sessionId ?? "");
        }
        throw conflict({ code: "device_offline", message: "It has left." });
      },
    };
    const own = relayed(elsewhere, { local: { connectorId: "connector-2", streams: local } });
    const stream = createStreamDuplex(await open(own));
    stream.end("found");
    const [echo] = (await once(stream, "data")) as [Buffer];
    assert.deepEqual([isAsked, echo.toString()], [true, "found"]);
  });

  it("are refused to a session that is another one by now", async () => {
    const wrong = { ...device(), sessionId: "ses_00000000000000000000000000" };
    await assert.rejects(streams.open(wrong, to()), { code: "session_replaced", status: 409 });
  });

  it("are taken from nobody without the certificate of this installation", async () => {
    const stranger = createPeerIdentity({
      store: {
        platformValues: {
          ...platform.store.platformValues,
          getOrCreate: async (_name: string, make: () => string) => make(),
        },
        leases: platform.store.leases,
      },
      vault: vaultOf("installation"),
      holder: "stranger",
      logger: silentLogger,
    });
    await stranger.load();
    const known = server.counts().peers;
    await assert.rejects(open(relayed(stranger)), { code: "relay_unavailable" });

    // Who trusts the relay, but shows no certificate, or one that another root signed.
    for (const shown of [{}, { key: stranger.current().key, cert: stranger.current().cert }]) {
      const socket = connectTls({
        host: "127.0.0.1",
        port: server.address().port,
        servername: "relay.rciots.internal",
        ca: atHolder.current().ca,
        ...shown,
      });
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.on("error", () => undefined);
      socket.on("secureConnect", () => socket.write(Buffer.alloc(4)));
      await closed;
    }
    await eventually(() => assert.ok(server.counts().peers <= known));
    // A device's certificate leads to the platform's root, which relays don't trust.
    assert.equal(atHolder.current().ca.includes(platform.rootPem().trim()), false);
  });

  it("are carried while the certificate is replaced, by old and new alike", async () => {
    onTarget = (socket) => void socket.pipe(socket);
    const day = 86_400_000;
    let at = Date.now() - 3 * day;
    const values = new Map<string, string>();
    const store = {
      leases: platform.store.leases,
      platformValues: {
        get: async (name: string) => values.get(name),
        set: async (name: string, value: string) => void values.set(name, value),
        getOrCreate: async (name: string, make: () => string) =>
          values.get(name) ?? (values.set(name, make()), values.get(name) ?? ""),
      },
    };
    const rotating = (holder: string) =>
      identityOf(holder, { store, now: () => at, lifetimeMs: day, activateMs: 3_600_000 });
    const early = await rotating("early");
    const late = await rotating("late");
    const trusted = (identity: PeerIdentity): number => identity.current().ca.match(/BEGIN/g)?.length ?? 0;
    const first = early.current().cert;
    assert.equal(late.current().cert, first);
    at += day;
    await early.load();
    assert.equal(early.current().cert, first, "a new one is not shown before all have read it");
    await late.load();
    assert.deepEqual([trusted(early), trusted(late)], [2, 2]);
    at += 3_600_000;
    await early.load();
    assert.notEqual(early.current().cert, first);
    assert.equal(late.current().cert, first, "it has not looked yet");

    const holder = createRelayServer({
      identity: late,
      streams: platform.connector().streams,
      host: "127.0.0.1",
      port: 0,
      logger: silentLogger,
    });
    await holder.start();
    await advertise(`127.0.0.1:${holder.address().port}`);
    (await open(relayed(early))).reset({ code: "closed", message: "" });
    await late.load();
    assert.equal(late.current().cert, early.current().cert);
    (await open(relayed(late))).reset({ code: "closed", message: "" });
    at += day;
    await early.load();
    assert.equal(trusted(early), 2, "the first one is forgotten");
    assert.equal(early.current().ca.includes(first.slice(0, 200)), false);
    await advertise(ownAddress());
    await holder.stop();
  });

  it("is not shared with a process that has another master key", async () => {
    await assert.rejects(identityOf("wrong", { vault: vaultOf("another") }), /RCIOTS_MASTER_KEY/);
    (await open()).reset({ code: "closed", message: "" });
  });
});
