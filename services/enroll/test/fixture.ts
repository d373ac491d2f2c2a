import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  createMemoryBus,
  createVault,
  hashToken,
  newId,
  newToken,
  parseMasterKey,
  silentLogger,
  type Bus,
} from "@rciots/runtime";
import type { Device, NewProvisioningToken, ProvisioningToken, Store } from "@rciots/store";
import { createEnroll, type Enroll, type EnrollOptions } from "../src/index.ts";
import { createClient, type Client } from "./client.ts";
import { startTestStore } from "./test-store.ts";

export interface Running {
  enroll: Enroll;
  client: Client;
}

export interface Fixture {
  store: Store;
  bus: Bus;
  caKey: Buffer;
  organizationId: string;
  newOrganization(status?: "active" | "suspended"): Promise<string>;
  newToken(values?: Partial<NewProvisioningToken>): Promise<{ secret: string; token: ProvisioningToken }>;
  options(values?: Partial<EnrollOptions>): EnrollOptions;
  start(values?: Partial<EnrollOptions>): Promise<Running>;
  /** Another connection, as another replica has. */
  connect(): Promise<Store>;
  device(name: string): Promise<Device>;
  setStatus(deviceId: string, status: Device["status"]): Promise<void>;
  stop(): Promise<void>;
}

export const dayMs = 86_400_000;

export async function createFixture(): Promise<Fixture> {
  const { store, connect, stop } = await startTestStore();
  const bus = createMemoryBus();
  const caKey = randomBytes(32);
  const running: Running[] = [];

  async function newOrganization(status: "active" | "suspended" = "active"): Promise<string> {
    const _id = newId("org");
    await store.organizations.insert({ _id, name: _id, status, dataKey: "-", createdAt: new Date() });
    return _id;
  }
  const organizationId = await newOrganization();

  const options = (values: Partial<EnrollOptions> = {}): EnrollOptions => ({
    store,
    bus,
    logger: silentLogger,
    caVault: createVault({ masterKeys: [parseMasterKey(caKey)] }),
    host: "127.0.0.1",
    port: 0,
    edgeUrl: "wss://edge.example.com:443",
    serverNames: { enroll: ["enroll.example.com"], edge: ["edge.example.com", "192.0.2.7"] },
    certificateLifetimeMs: 90 * dayMs,
    allowServerKeys: false,
    maintenanceIntervalMs: 100,
    ...values,
  });

  return {
    store,
    bus,
    caKey,
    organizationId,
    newOrganization,
    options,
    connect,
    async newToken(values = {}) {
      const secret = newToken("rcp");
      const token = await store.provisioningTokens.create({
        organizationId,
        name: newId("name"),
        hash: hashToken(secret),
        hint: secret.slice(0, 8),
        approval: "automatic",
        enabled: true,
        maxDevices: null,
        expiresAt: null,
        labels: {},
        templateIds: [],
        createdBy: "usr_test",
        ...values,
      });
      return { secret, token };
    },
    async start(values = {}) {
      const enroll = createEnroll(options(values));
      await enroll.start();
      const client = createClient({ port: enroll.address().port, ca: enroll.rootCertificates() });
      running.push({ enroll, client });
      return { enroll, client };
    },
    async device(name) {
      const [device] = await store.deviceEnrollment.findByNames([{ organizationId, name }]);
      if (device === undefined) throw new Error(`There is no device ${name}.`);
      return device;
    },
    async setStatus(deviceId, status) {
      const device = await store.devices.find(organizationId, deviceId);
      if (device === null) throw new Error(`There is no device ${deviceId}.`);
      const approvedAt = status === "active" ? new Date() : device.approvedAt;
      await store.devices.update(organizationId, deviceId, device.version, { status, approvedAt });
    },
    async stop() {
      for (const { client } of running) client.close();
      await Promise.all(running.map(({ enroll }) => enroll.stop()));
      await stop();
    },
  };
}

const run = promisify(execFile);

/** Gives each text a file, for tools that want files; the folder is gone afterwards. */
export async function withFiles<T>(
  texts: Record<string, string | Buffer>,
  use: (path: (name: string) => string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "rciots-enroll-pki-"));
  try {
    for (const [name, text] of Object.entries(texts)) await writeFile(join(folder, name), text);
    return await use((name) => join(folder, name));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Rejects with OpenSSL's own words where it does not accept the certificate for a TLS client. */
export async function opensslVerify(certificateChain: string, roots: string): Promise<void> {
  await withFiles({ chain: certificateChain, root: roots }, async (path) => {
    const trust = ["-x509_strict", "-purpose", "sslclient", "-CAfile", path("root")];
    await run("openssl", ["verify", ...trust, "-untrusted", path("chain"), path("chain")]);
  });
}

export async function openssl(args: string[]): Promise<string> {
  return (await run("openssl", args)).stdout;
}
