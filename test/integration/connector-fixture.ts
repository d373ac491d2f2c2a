import { createHash, createPrivateKey, type KeyObject } from "node:crypto";
import { Agent } from "node:https";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MongoClient, type Db } from "mongodb";
import { io, type Socket } from "socket.io-client";
import {
  createIntermediateCa,
  createRootCa,
  createServerCa,
  exportPrivateKeyPem,
  generateKeyPair,
  issueDeviceCertificate,
  issueServerCertificate,
  type Issuer,
} from "@rciots/ca";
import { startEmbeddedMongo } from "@rciots/embedded-mongo";
import { createConnector, type Connector, type ConnectorOptions } from "@rciots/connector";
import {
  channelParser,
  channelPath,
  type Ack,
  type DesiredState,
  type DeviceEvent,
  type DeviceRequest,
} from "@rciots/protocol";
import {
  AppError,
  createMemoryBus,
  createVault,
  hashToken,
  newId,
  newToken,
  parseMasterKey,
  silentLogger,
  type Bus,
  type CertificateRenewer,
  type TlsMaterial,
  type TlsSource,
} from "@rciots/runtime";
import { createStore, newDevice, type Device, type Store } from "@rciots/store";

/** A database for one file of tests: the embedded one, or the MongoDB that TEST_MONGODB_URI names. */
export async function startDatabase(): Promise<{ uri: string; db: Db; stop: () => Promise<void> }> {
  const given = process.env["TEST_MONGODB_URI"];
  const folder = await mkdtemp(join(tmpdir(), "rciots-connector-"));
  const embedded = given === undefined ? await startEmbeddedMongo({ dataDir: folder }) : undefined;
  const uri = embedded?.uri ?? given ?? "";
  const client = await new MongoClient(uri).connect();
  return {
    uri,
    db: client.db(),
    async stop() {
      await client.close();
      await embedded?.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface TestOrganization {
  id: string;
  issuer: Issuer;
  /** `_id` in the store. */
  authorityId: string;
}

export interface TestDevice {
  id: string;
  organizationId: string;
  token: string;
  keyPem: string;
  /** Leaf and intermediate. */
  chainPem: string;
  serial: string;
}

/** The platform's PKI and its documents, made without enrolment. */
export interface World {
  store: Store;
  db: Db;
  root: Issuer;
  edgeTls: TlsSource & { replace: (material: TlsMaterial) => void };
  addOrganization(): Promise<TestOrganization>;
  addAuthority(organizationId: string, status?: "issuing" | "accepted"): Promise<TestOrganization>;
  addDevice(organization: TestOrganization, change?: Partial<Device>): Promise<TestDevice>;
  /** Another certificate of a device; `record: false` keeps it out of the store. */
  issue(
    device: { id: string; organizationId: string },
    issuer: Issuer,
    options?: { now?: Date; validityMs?: number; record?: boolean },
  ): Promise<Pick<TestDevice, "keyPem" | "chainPem" | "serial">>;
  device(id: string): Promise<Device>;
}

function createTlsSource(first: TlsMaterial): World["edgeTls"] {
  let material = first;
  const listeners = new Set<(material: TlsMaterial) => void>();
  return {
    current: () => material,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    replace(next) {
      material = next;
      for (const listener of listeners) listener(next);
    },
  };
}

const document = <T extends { _id: string }>(value: T) => value as unknown as { _id: never };

/** So that certificates can be issued that have expired by now. */
const monthAgo = new Date(Date.now() - 30 * 86_400_000);

export async function createWorld(db: Db, store: Store): Promise<World> {
  const root = createRootCa({ name: "Test root", now: monthAgo });
  const serverCa = createServerCa({ name: "Test servers", root });
  const serverKey = generateKeyPair();
  const server = issueServerCertificate({
    issuer: serverCa,
    dnsNames: ["localhost"],
    ipAddresses: ["127.0.0.1"],
    publicKey: serverKey.publicKey,
  });
  const edgeTls = createTlsSource({
    key: exportPrivateKeyPem(serverKey.privateKey),
    cert: server.certificatePem + serverCa.pem,
    ca: root.pem,
  });

  async function addAuthority(
    organizationId: string,
    status: "issuing" | "accepted" = "issuing",
  ): Promise<TestOrganization> {
    const issuer = createIntermediateCa({ root, organizationId, name: "Test organisation", now: monthAgo });
    const known = await db.collection("authorities").find({ organizationId }).toArray();
    const authorityId = `${organizationId}:${known.length + 1}`;
    await db.collection("authorities").insertOne(
      document({
        _id: authorityId,
        organizationId,
        kind: "organization",
        status,
        certificatePem: issuer.pem,
        sealedKey: "sealed",
        notAfter: issuer.notAfter,
        crlNumber: 0,
        rotationRequestedAt: null,
        createdAt: new Date(),
      }),
    );
    return { id: organizationId, issuer, authorityId };
  }

  const issue: World["issue"] = async (device, issuer, { now, validityMs, record = true } = {}) => {
    const { privateKey, publicKey } = generateKeyPair();
    const issued = issueDeviceCertificate({
      issuer,
      organizationId: device.organizationId,
      deviceId: device.id,
      publicKey,
      validityMs,
      ...(now === undefined ? {} : { now }),
    });
    if (record) {
      await db.collection("certificates").insertOne(
        document({
          _id: issued.serial,
          organizationId: device.organizationId,
          deviceId: device.id,
          issuerId: `${device.organizationId}:1`,
          notBefore: issued.notBefore,
          notAfter: issued.notAfter,
          revokedAt: null,
          reason: null,
        }),
      );
    }
    return {
      keyPem: exportPrivateKeyPem(privateKey),
      chainPem: issued.certificatePem + issuer.pem,
      serial: issued.serial,
    };
  };

  return {
    store,
    db,
    root,
    edgeTls,
    addAuthority,
    issue,
    async addOrganization() {
      const id = newId("org");
      await db.collection("organizations").insertOne(
        document({
          _id: id,
          name: id.toLowerCase(),
          status: "active",
          dataKey: "sealed",
          createdAt: new Date(),
        }),
      );
      return addAuthority(id);
    },
    async addDevice({ id: organizationId, issuer }, change = {}) {
      const id = newId("dev");
      const token = newToken("rcd");
      await db
        .collection("devices")
        .insertOne(document({ ...activeDevice(id, organizationId), tokenHash: hashToken(token), ...change }));
      return { id, organizationId, token, ...(await issue({ id, organizationId }, issuer)) };
    },
    async device(id) {
      const found = await db.collection("devices").findOne({ _id: id as never });
      if (found === null) throw new Error(`There is no device ${id}.`);
      return found as unknown as Device;
    },
  };
}

function activeDevice(id: string, organizationId: string): Device {
  const name = id.toLowerCase().replace("_", "-");
  return newDevice({
    _id: id,
    organizationId,
    name,
    tokenHash: "",
    publicKeyHash: "",
    approvedAt: new Date(),
  });
}

/** Desired states that a test sets by hand. */
export function createDesiredStates() {
  const wires = new Map<string, DesiredState>();
  const bundles = new Map<string, Buffer>();
  return {
    wires,
    bundles,
    batches: [] as number[],
    set(deviceId: string, revision: number, content: Buffer): DesiredState {
      const digest = createHash("sha256").update(content).digest("hex");
      const wire: DesiredState = {
        kind: "bundle",
        revision,
        digest,
        encodedDigest: digest,
        encodedBytes: content.byteLength,
        decodedBytes: content.byteLength,
        objectCount: 1,
        deadlineMs: 60_000,
      };
      wires.set(deviceId, wire);
      bundles.set(`${deviceId}/${digest}`, content);
      return wire;
    },
    async advance(devices: Device[]): Promise<Map<string, DesiredState>> {
      this.batches.push(devices.length);
      return new Map(devices.map(({ _id }) => [_id, wires.get(_id) ?? { kind: "none", revision: 0 }]));
    },
    async readBundle(deviceId: string, encodedDigest: string): Promise<Buffer | undefined> {
      return bundles.get(`${deviceId}/${encodedDigest}`);
    },
  };
}
export type TestDesiredStates = ReturnType<typeof createDesiredStates>;

export const refusingRenewer: CertificateRenewer = {
  renew: () =>
    Promise.reject(new AppError({ code: "csr_invalid", status: 400, message: "The request is not valid." })),
};

const masterKey = parseMasterKey(createHash("sha256").update("test master key").digest("base64"));

export interface Running {
  connector: Connector;
  desired: TestDesiredStates;
  bus: Bus;
  url: string;
  stop: () => Promise<void>;
}

export async function startConnector(
  world: World,
  options: Partial<ConnectorOptions> & { desired?: TestDesiredStates } = {},
): Promise<Running> {
  const { desired = createDesiredStates(), ...given } = options;
  const bus = given.bus ?? createMemoryBus();
  const connector = createConnector({
    store: world.store,
    bus,
    logger: silentLogger,
    desiredState: desired,
    renewer: refusingRenewer,
    edgeTls: world.edgeTls,
    vault: createVault({ masterKeys: [masterKey] }),
    host: "127.0.0.1",
    port: 0,
    connectorId: "connector-1",
    ...given,
  });
  await connector.start();
  return {
    connector,
    desired,
    bus,
    url: `https://localhost:${connector.address()?.port}`,
    stop: () => connector.stop(),
  };
}

type AnyListener = (...args: unknown[]) => void;
export type RawSocket = Socket<Record<string, AnyListener>, Record<string, AnyListener>>;

/** A device as another implementation would write it: socket.io-client, the framing, and a certificate. */
export interface Client {
  socket: RawSocket;
  call<Event extends DeviceEvent>(event: Event, payload: DeviceRequest<Event>): Promise<Ack>;
  /** Any event, any payload. */
  send(event: string, payload: unknown): Promise<Ack>;
  hello(): Promise<Ack>;
  /** What the platform called, in order. */
  received: { event: string; payload: unknown }[];
  /** Resolves with `session:close`'s code, or with how the connection ended where there was none. */
  closed: Promise<string>;
  isClosed(): boolean;
  close(): void;
}

export interface ClientOptions {
  url: string;
  device: Pick<TestDevice, "id" | "token" | "keyPem" | "chainPem">;
  ca: string;
  /** Shared, it resumes TLS sessions. */
  agent?: Agent;
  auth?: Record<string, unknown>;
  /** Named in hello. */
  capabilities?: string[];
  /** What it answers to a call of the platform; undefined: never. Without it, `{}` to each. */
  answer?: (event: string, payload: unknown) => Promise<unknown>;
}

export function createTlsAgent(
  { device, ca }: Pick<ClientOptions, "device" | "ca">,
  tls: object = {},
): Agent {
  return new Agent({ key: device.keyPem, cert: device.chainPem, ca, maxCachedSessions: 10, ...tls });
}

export class ConnectRefused extends Error {
  readonly data: { code: string; message?: string; retryAfterMs?: number } | undefined;
  constructor(cause: Error & { data?: ConnectRefused["data"] }) {
    super(cause.data?.code ?? cause.message, { cause });
    this.data = cause.data;
  }
}

/** Rejects with ConnectRefused. */
export async function connectClient(options: ClientOptions): Promise<Client> {
  const { url, device } = options;
  const socket: RawSocket = io(url, {
    path: channelPath,
    transports: ["websocket"],
    parser: channelParser,
    reconnection: false,
    forceNew: true,
    auth: options.auth ?? { deviceId: device.id, deviceToken: device.token },
    agent: (options.agent ?? createTlsAgent(options)) as unknown as string,
  });
  const received: Client["received"] = [];
  let isClosed = false;
  let code: string | undefined;
  socket.onAny((event: string, payload: unknown, ack: unknown) => {
    received.push({ event, payload });
    if (event === "session:close") code = (payload as { code: string }).code;
    if (typeof ack !== "function") return;
    if (options.answer === undefined) return void (ack as AnyListener)({ ok: true, data: {} });
    void options.answer(event, payload).then((answer) => {
      if (answer !== undefined) (ack as AnyListener)(answer);
    });
  });
  const closed = new Promise<string>((resolve) => {
    socket.on("disconnect", (reason) => {
      isClosed = true;
      resolve(code ?? String(reason));
    });
  });
  await new Promise<void>((resolve, reject) => {
    socket.on("connect", resolve);
    socket.on("connect_error", (error) => reject(new ConnectRefused(error)));
  });
  const send = (event: string, payload: unknown): Promise<Ack> =>
    socket.timeout(10_000).emitWithAck(event, payload) as Promise<Ack>;
  return {
    socket,
    call: send,
    send,
    hello: () =>
      send("session:hello", {
        versions: [1],
        agentVersion: "test",
        capabilities: options.capabilities ?? ["manifests"],
        facts: {},
      }),
    received,
    closed,
    isClosed: () => isClosed,
    close: () => void socket.disconnect(),
  };
}

/** The code a connect is refused with. */
export async function refusalOf(options: ClientOptions): Promise<string> {
  try {
    const client = await connectClient(options);
    client.close();
  } catch (error) {
    if (error instanceof ConnectRefused) return error.message;
    throw error;
  }
  return "admitted";
}

export const errorCode = (ack: Ack): string => (ack.ok ? "ok" : ack.error.code);

export async function createFixture() {
  const database = await startDatabase();
  const store = await createStore({ uri: database.uri });
  const world = await createWorld(database.db, store);
  return {
    world,
    database,
    async stop() {
      await store.close();
      await database.stop();
    },
  };
}

export const keyOf = (pem: string): KeyObject => createPrivateKey(pem);
