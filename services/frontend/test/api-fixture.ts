/* eslint-disable @typescript-eslint/no-unsafe-member-access --
   answers have bodies of every shape; what they must hold is checked by the tests */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createDesiredState, createOrganizationVault, type DesiredStateService } from "@rciots/desired-state";
import {
  createFrontend,
  ensureFirstRun,
  type Frontend,
  type FrontendOptions,
  type Route,
} from "@rciots/frontend";
import { createGitSource, createKustomize, findKustomize } from "@rciots/manifests";
import type { DeviceStreams } from "@rciots/protocol";
import {
  conflict,
  createMemoryBus,
  createVault,
  newId,
  parseMasterKeys,
  createLogger,
  type Bus,
  type Vault,
} from "@rciots/runtime";
import { MongoClient } from "mongodb";
import { createStore, newDevice, type Device, type Role, type Store } from "@rciots/store";
import { openSocket } from "./socket-client.ts";

/** Faults of the platform itself show in the test's output. */
const logger = createLogger({ level: "error", write: (line) => process.stderr.write(line) });

export const adminPassword = "correct horse battery staple";

export interface Answer {
  status: number;
  headers: Headers;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into bodies of every shape
  body: any;
}

export interface CallOptions {
  /** Bearer value. */
  as?: string;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface ApiFixture {
  store: Store;
  bus: Bus;
  vault: Vault;
  desiredState: DesiredStateService;
  frontend: Frontend;
  url: string;
  organizationId: string;
  /** Bearer value of the administrator's session. */
  admin: string;
  /** Calls `<METHOD> <path below /api/v1>`; a good answer is checked against what the API documents. */
  call(request: string, options?: CallOptions): Promise<Answer>;
  /** A session of a new person with this role in this organisation. */
  signInAs(role: Role | null, organizationId?: string): Promise<string>;
  createOrganization(): Promise<string>;
  createDevice(fields?: Partial<Device>): Promise<Device>;
  /** Every document that belongs to an organisation, as text under `<collection>/<id>`. */
  documentsOf(organizationId: string): Promise<Map<string, string>>;
  /** Starts another instance over the same store. */
  startFrontend(options?: Partial<FrontendOptions>): Promise<{ frontend: Frontend; url: string }>;
  stop(): Promise<void>;
}

/** Waits until `check` stops throwing; gives up after `timeoutMs` with its last error. */
export async function eventually(check: () => Promise<void> | void, timeoutMs = 8_000): Promise<void> {
  const endsAt = Date.now() + timeoutMs;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (Date.now() > endsAt) throw error;
      await delay(20);
    }
  }
}

export function deviceDocument(fields: Partial<Device> & Pick<Device, "organizationId">): Device {
  const id = newId("dev");
  return newDevice({
    _id: id,
    name: id.toLowerCase().replace("_", "-"),
    facts: { hostname: "edge" },
    tokenHash: "0".repeat(64),
    publicKeyHash: newId("key"),
    ...fields,
  });
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replace(/\{\w+\}/g, "[^/]+")}$`);
}

function routeOf(routes: readonly Route[], request: string): Route | undefined {
  const [method = "", target = ""] = request.split(" ");
  const path = target.split("?")[0] ?? "";
  const candidates = routes.filter(
    (route) => route.method === method.toLowerCase() && patternOf(route.path).test(path),
  );
  return candidates.find((candidate) => candidate.path === path) ?? candidates[0];
}

/** What the API documents is what it answers: nothing missing, nothing more. */
function checkAnswer(routes: readonly Route[], request: string, answer: Answer): void {
  if (answer.status >= 400) {
    assert.match(answer.headers.get("content-type") ?? "", /^application\/problem\+json/);
    assert.equal(answer.body.status, answer.status);
    assert.equal(answer.body.requestId, answer.headers.get("x-request-id"));
    return;
  }
  const route = routeOf(routes, request);
  assert.ok(route, `no route for ${request}`);
  if (route.success.schema === undefined) return;
  assert.deepEqual(route.success.schema.parse(answer.body), answer.body, `undocumented fields in ${request}`);
}

/** The fixture as another, new organisation sees it: `admin` is its owner, and nothing in it exists yet. */
export async function inAnotherOrganization(api: ApiFixture): Promise<ApiFixture> {
  const organizationId = await api.createOrganization();
  return {
    ...api,
    organizationId,
    admin: await api.signInAs("owner", organizationId),
    signInAs: (role, inOrganization = organizationId) => api.signInAs(role, inOrganization),
    createDevice: (fields = {}) => api.createDevice({ organizationId, ...fields }),
  };
}

async function documentsOf(uri: string, organizationId: string): Promise<Map<string, string>> {
  const client = await new MongoClient(uri).connect();
  const found = new Map<string, string>();
  try {
    for (const { name } of await client.db().listCollections().toArray()) {
      const mine = [
        { organizationId },
        { "memberships.organizationId": organizationId },
        { _id: organizationId as never },
      ];
      for await (const document of client.db().collection(name).find({ $or: mine }))
        found.set(`${name}/${String(document._id)}`, JSON.stringify(document));
    }
  } finally {
    await client.close();
  }
  return found;
}

const parsed = (text: string, contentType: string | null): unknown =>
  text === "" || !/[/+]json/.test(contentType ?? "") ? text || undefined : JSON.parse(text);

/** Opens a WebSocket of the API and lets go of it: 101, or what refused it. */
async function callSocket(url: string, request: string, options: CallOptions): Promise<Answer> {
  const [, path = "/"] = request.split(" ");
  const bearer = options.as === undefined ? {} : { authorization: `Bearer ${options.as}` };
  const { client, response } = await openSocket(`${url}/api/v1${path}`, { ...bearer, ...options.headers });
  if (client !== undefined) {
    client.ws.close();
    await client.closed;
    return { status: 101, headers: new Headers(), body: undefined };
  }
  const { status, headers, text } = response;
  return { status, headers, body: parsed(text, headers.get("content-type")) };
}

export async function callApi(url: string, request: string, options: CallOptions = {}): Promise<Answer> {
  const [method = "GET", path = "/"] = request.split(" ");
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: {
      ...(options.as === undefined ? {} : { authorization: `Bearer ${options.as}` }),
      ...(options.body === undefined ? {} : { "content-type": "application/json" }),
      ...options.headers,
    },
    ...(options.body === undefined
      ? {}
      : { body: typeof options.body === "string" ? options.body : JSON.stringify(options.body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: parsed(text, response.headers.get("content-type")),
  };
}

/** No connector runs beside the service: a test that needs devices brings its own. */
const noDevices: DeviceStreams = {
  open: () => Promise.reject(conflict({ code: "device_offline", message: "The device is not connected." })),
};

/** The service over a store of its own, with the first run done. */
export async function startApi(overrides: Partial<FrontendOptions> = {}): Promise<ApiFixture> {
  const folder = await mkdtemp(join(tmpdir(), "rciots-frontend-"));
  // Loaded here alone: the service itself knows its store through repositories only.
  const { startEmbeddedMongo } = await import("@rciots/embedded-mongo");
  const server = await startEmbeddedMongo({ dataDir: join(folder, "store") });
  const store = await createStore({ uri: server.uri });
  const bus = createMemoryBus();
  const vault = createVault({
    masterKeys: parseMasterKeys(
      Buffer.from(Array.from({ length: 32 }, (_, i) => (i * 7) % 251)).toString("base64"),
    ),
  });
  const secretVault = createOrganizationVault({ store, vault });
  const pathEnv = process.env["PATH"] ?? "";
  const binary = await findKustomize({ pathEnv });
  const kustomize = binary === null ? null : createKustomize({ binary });
  const desiredState = createDesiredState({ store, secretVault, kustomize, logger });
  const git = createGitSource({
    cacheDir: join(folder, "git"),
    pathEnv,
    policy: { allowFileUrls: true, allowPrivateAddresses: true },
  });
  const { organizationId } = await ensureFirstRun({ store, vault, adminPassword });
  const running: Frontend[] = [];

  async function startFrontend(options: Partial<FrontendOptions> = {}) {
    const frontend = createFrontend({
      store,
      bus,
      logger,
      vault,
      secretVault,
      desiredState,
      deviceStreams: noDevices,
      git,
      host: "127.0.0.1",
      port: 0,
      publicUrls: { enroll: "https://enroll.example.com:8443", edge: "https://edge.example.com:8444" },
      installDir: fileURLToPath(new URL("../../..", import.meta.url)),
      caFingerprint: () => "sha256:0123",
      gitTickMs: 50,
      overlayIntervalMs: 200,
      proxyDomain: "apps.localhost",
      tunnelPorts: { first: 40_000, last: 49_999 },
      ...overrides,
      ...options,
    });
    await frontend.start();
    running.push(frontend);
    return { frontend, url: `http://127.0.0.1:${frontend.address().port}` };
  }

  const { frontend, url } = await startFrontend();

  async function call(request: string, options: CallOptions = {}): Promise<Answer> {
    const isSocket = routeOf(frontend.routes, request)?.socket !== undefined;
    const answer = await (isSocket ? callSocket : callApi)(url, request, options);
    checkAnswer(frontend.routes, request, answer);
    return answer;
  }

  const administrator = await store.accounts.findUserByLogin("admin");

  async function insertUser(role: Role | null, inOrganization: string): Promise<string> {
    const id = newId("usr");
    await store.accounts.insertUser({
      _id: id,
      email: `${id.toLowerCase()}@example.com`,
      username: id.toLowerCase(),
      // The administrator's: the password is the same.
      passwordHash: administrator?.passwordHash ?? "",
      isPlatformAdmin: false,
      status: "active",
      memberships: role === null ? [] : [{ organizationId: inOrganization, role }],
      createdAt: new Date(),
    });
    return id;
  }

  const login = await call("POST /login", { body: { username: "admin", password: adminPassword } });
  assert.equal(login.status, 200);

  return {
    store,
    bus,
    vault,
    desiredState,
    frontend,
    url,
    organizationId,
    admin: login.body.token as string,
    call,
    startFrontend,
    async signInAs(role, inOrganization = organizationId) {
      const { hashToken, newToken } = await import("@rciots/runtime");
      const token = newToken("rcs");
      const userId = await insertUser(role, inOrganization);
      const expiresAt = new Date(Date.now() + 3_600_000);
      await store.accounts.insertSession({ _id: hashToken(token), userId, createdAt: new Date(), expiresAt });
      return token;
    },
    async createOrganization() {
      const id = newId("org");
      const dataKey = vault.wrapDataKey(vault.createDataKey(), id);
      await store.organizations.insert({
        _id: id,
        name: id,
        status: "active",
        dataKey,
        createdAt: new Date(),
      });
      return id;
    },
    async createDevice(fields = {}) {
      const device = deviceDocument({ organizationId, ...fields });
      assert.deepEqual(await store.deviceEnrollment.insertMany([device]), ["inserted"]);
      return device;
    },
    documentsOf: (id) => documentsOf(server.uri, id),
    async stop() {
      for (const instance of running) await instance.stop();
      await store.close();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
