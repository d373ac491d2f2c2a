import { createHash, X509Certificate } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { MongoClient, type Db } from "mongodb";
import {
  createConnector,
  type Connector,
  type ConnectorOptions,
  type ConnectorSettings,
} from "@rciots/connector";
import { startEmbeddedMongo } from "@rciots/embedded-mongo";
import { createEnroll, type Enroll } from "@rciots/enroll";
import type { DesiredState } from "@rciots/protocol";
import {
  createMemoryBus,
  createVault,
  hashToken,
  newId,
  newToken,
  parseMasterKeys,
  silentLogger,
  type Bus,
} from "@rciots/runtime";
import { createStore, type Device, type ProvisioningToken, type Store } from "@rciots/store";

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** Ids are text in every collection; the driver's types expect its own. */
async function insert(db: Db, collection: string, document: { _id: string } & Record<string, unknown>) {
  await db.collection<{ _id: string }>(collection).insertOne(document);
}

const masterKeys = parseMasterKeys(createHash("sha256").update("agent tests").digest("base64"));

/** Desired states a test sets by hand, in the form the connector asks for them. */
function createDesiredStates(bus: Bus, db: Db, organizationId: string) {
  const wires = new Map<string, DesiredState>();
  const bundles = new Map<string, Buffer>();
  return {
    bundles,
    /** Assigns a revision and tells the connector of it; `change` spoils what is announced. */
    async set(deviceId: string, revision: number, objects: object[], change: object = {}): Promise<void> {
      const decoded = Buffer.from(objects.map((object) => `${JSON.stringify(object)}\n`).join(""));
      const encoded = gzipSync(decoded);
      const wire = {
        kind: "bundle",
        revision,
        digest: sha256(decoded),
        encodedDigest: sha256(encoded),
        encodedBytes: encoded.length,
        decodedBytes: decoded.length,
        objectCount: objects.length,
        deadlineMs: 60_000,
        ...change,
      } as Extract<DesiredState, { kind: "bundle" }>;
      bundles.set(`${deviceId}/${wire.encodedDigest}`, encoded);
      await insert(db, "deviceRevisions", {
        _id: `${deviceId}:${revision}`,
        organizationId,
        deviceId,
        revision,
        digest: wire.digest,
        state: "offered",
        message: null,
        finishedAt: null,
        createdAt: new Date(),
      });
      wires.set(deviceId, wire);
      bus.publish("desired:changed", { organizationId, deviceIds: [deviceId] });
    },
    clear(deviceId: string, revision: number): void {
      wires.set(deviceId, { kind: "none", revision });
      bus.publish("desired:changed", { organizationId, deviceIds: [deviceId] });
    },
    async advance(devices: Device[]): Promise<Map<string, DesiredState>> {
      return new Map(devices.map(({ _id }) => [_id, wires.get(_id) ?? { kind: "none", revision: 0 }]));
    },
    async readBundle(deviceId: string, encodedDigest: string): Promise<Buffer | undefined> {
      return bundles.get(`${deviceId}/${encodedDigest}`);
    },
  };
}

export interface Platform {
  readonly store: Store;
  readonly db: Db;
  readonly bus: Bus;
  readonly desired: ReturnType<typeof createDesiredStates>;
  readonly organizationId: string;
  enrollUrl(): string;
  edgePort(): number;
  rootPem(): string;
  fingerprint(): string;
  connector(): Connector;
  addToken(change?: Partial<ProvisioningToken>): Promise<string>;
  device(id: string): Promise<Device>;
  setStatus(deviceId: string, status: Device["status"]): Promise<void>;
  stopConnector(): Promise<void>;
  /** On the same port as before. */
  startConnector(): Promise<void>;
  stop(): Promise<void>;
}

/** Enrolment and connector on an embedded store, all on loopback. */
export async function startPlatform(
  options: {
    certificateLifetimeMs?: number;
    settings?: Partial<ConnectorSettings>;
    host?: string;
    /** As `ConnectorOptions.relayAddress`. */
    relayAddress?: () => string | null;
    /** As `ConnectorOptions.tunnels`. */
    tunnels?: ConnectorOptions["tunnels"];
  } = {},
): Promise<Platform> {
  const folder = await mkdtemp(join(tmpdir(), "rciots-agent-test-"));
  const mongo = await startEmbeddedMongo({ dataDir: folder });
  const client = await new MongoClient(mongo.uri).connect();
  const db = client.db();
  const store = await createStore({ uri: mongo.uri });
  const bus = createMemoryBus();
  const vault = createVault({ masterKeys });
  const organizationId = newId("org");
  const desired = createDesiredStates(bus, db, organizationId);
  const host = options.host ?? "127.0.0.1";
  // The connector's port is only known once it listens, and enrolment tells it: a fixed one, asked for first.
  const edgePort = await freePort(host);
  const shownHost = host.includes(":") ? `[${host}]` : "localhost";
  const enroll: Enroll = createEnroll({
    store,
    bus,
    logger: silentLogger,
    caVault: vault,
    host,
    port: 0,
    edgeUrl: `wss://${shownHost}:${edgePort}`,
    serverNames: { enroll: ["localhost", host], edge: ["localhost", host] },
    certificateLifetimeMs: options.certificateLifetimeMs ?? 86_400_000,
    allowServerKeys: false,
    pendingRetryMs: 200,
  });
  await enroll.start();
  let connector: Connector;
  const startConnector = async (): Promise<void> => {
    connector = createConnector({
      store,
      bus,
      logger: silentLogger,
      desiredState: desired,
      renewer: enroll.renewer,
      edgeTls: enroll.edgeTls,
      vault,
      host,
      port: edgePort,
      connectorId: "connector-1",
      relayAddress: options.relayAddress,
      tunnels: options.tunnels,
      settings: { cutGraceMs: 100, drainMs: 500, drainSpreadMs: 200, ...options.settings },
    });
    await connector.start();
  };
  await startConnector();
  await insert(db, "organizations", {
    _id: organizationId,
    name: "tests",
    status: "active",
    dataKey: "sealed",
    createdAt: new Date(),
  });

  return {
    store,
    db,
    bus,
    desired,
    organizationId,
    enrollUrl: () => `https://${shownHost}:${enroll.address().port}`,
    edgePort: () => edgePort,
    rootPem: () => enroll.rootCertificates(),
    fingerprint: () => new X509Certificate(enroll.rootCertificates()).fingerprint256,
    connector: () => connector,
    async addToken(change = {}) {
      const token = newToken("rcp");
      await insert(db, "provisioningTokens", {
        _id: newId("tok"),
        organizationId,
        name: newId("tok").toLowerCase(),
        hash: hashToken(token),
        hint: token.slice(0, 8),
        approval: "automatic",
        enabled: true,
        maxDevices: null,
        usedCount: 0,
        expiresAt: null,
        labels: {},
        templateIds: [],
        createdBy: "test",
        createdAt: new Date(),
        version: 1,
        ...change,
      });
      return token;
    },
    async device(id) {
      const found = await db.collection("devices").findOne({ _id: id as never });
      if (found === null) throw new Error(`There is no device ${id}.`);
      return found as unknown as Device;
    },
    async setStatus(deviceId, status) {
      await db.collection("devices").updateOne({ _id: deviceId as never }, { $set: { status } });
      bus.publish("device:access-changed", { organizationId, deviceId });
    },
    stopConnector: () => connector.stop(),
    startConnector,
    async stop() {
      await connector.stop();
      await enroll.stop();
      await store.close();
      await client.close();
      await mongo.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(host: string): Promise<number> {
  const { createServer } = await import("node:net");
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
