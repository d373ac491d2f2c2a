import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { hashToken, newId } from "@rciots/runtime";
import type { Socket } from "node:net";
// eslint-disable-next-line no-restricted-imports -- the client that browsers use
import { io, type ManagerOptions, type Socket as ClientSocket, type SocketOptions } from "socket.io-client";
import { callApi, eventually, startApi, type ApiFixture } from "./api-fixture.ts";

interface Changes {
  devices: string[];
  devicesMany: boolean;
  templates: string[];
  events: boolean;
  kinds: string[];
  tokens: boolean;
  account: boolean;
}

interface Client {
  socket: ClientSocket;
  changes: Changes[];
  /** Every id that any message named. */
  devices(): Set<string>;
  /** Why the platform ended it. */
  endings: { code: string }[];
}

const clients: ClientSocket[] = [];

function open(url: string, options: Partial<ManagerOptions & SocketOptions>): Client {
  const socket = io(url, {
    path: "/api/v1/live",
    transports: ["websocket"],
    forceNew: true,
    reconnection: false,
    ...options,
  });
  clients.push(socket);
  const client: Client = {
    socket,
    changes: [],
    endings: [],
    devices: () => new Set(client.changes.flatMap(({ devices }) => devices)),
  };
  socket.on("changes", (changes: Changes) => client.changes.push(changes));
  socket.on("ended", (reason: { code: string }) => client.endings.push(reason));
  return client;
}

/** Resolves once it is let in; rejects with what the platform says. */
async function connect(url: string, options: Partial<ManagerOptions & SocketOptions>): Promise<Client> {
  const client = open(url, options);
  await new Promise<void>((resolve, reject) => {
    client.socket.once("connect", resolve);
    client.socket.once("connect_error", reject);
  });
  return client;
}

async function refusal(url: string, options: Partial<ManagerOptions & SocketOptions>): Promise<string> {
  try {
    await connect(url, options);
  } catch (error) {
    return (error as { data?: { code: string } }).data?.code ?? String(error);
  }
  return "connected";
}

/** A request for a WebSocket without a socket.io client: the status, and the connection where it is given one. */
function upgrade(url: string, path: string): Promise<{ status: number | undefined; socket?: Socket }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${url}${path}`, {
      headers: {
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      },
    });
    request.on("upgrade", (_response: IncomingMessage, socket: Socket) => resolve({ status: 101, socket }));
    request.on("response", (response) => {
      response.resume();
      resolve({ status: response.statusCode });
    });
    request.on("error", reject);
    request.end();
  });
}

/** A masked text frame of fewer than 126 bytes; the mask is zeros. */
function frame(text: string): Buffer {
  const body = Buffer.from(text);
  return Buffer.concat([Buffer.from([0x81, 0x80 | body.length, 0, 0, 0, 0]), body]);
}

describe("when live updates are watched", () => {
  let api: ApiFixture;
  let url: string;
  before(async () => {
    api = await startApi({ live: { maxSocketsOfUser: 3 } });
    url = api.url;
  });
  afterEach(() => {
    for (const socket of clients.splice(0)) socket.disconnect();
  });
  after(() => api.stop());

  const cookieOf = (token: string): Record<string, string> => ({ cookie: `rciots_session=${token}` });
  const userIdOf = async (token: string): Promise<string> =>
    (await api.store.accounts.findSession(hashToken(token)))?.userId ?? "";

  describe("and somebody asks to be let in", () => {
    it("takes a session or an API token, and nothing else", async () => {
      assert.equal(await refusal(url, {}), "unauthorized");
      assert.equal(await refusal(url, { auth: { token: "rcs_wrong" } }), "credentials_invalid");
      assert.equal(await refusal(url, { auth: { token: 1 } }), "invalid_input");
      assert.equal(await refusal(url, { auth: { token: api.admin, more: 1 } }), "invalid_input");
      assert.equal(await refusal(url, { auth: { token: api.admin } }), "connected");
      const made = await api.call("POST /api-tokens", {
        as: await api.signInAs("viewer"),
        body: { name: "live", scopes: ["read"] },
      });
      assert.equal(await refusal(url, { auth: { token: made.body.token as string } }), "connected");
    });

    it("takes a cookie from pages of its own only", async () => {
      const cookie = cookieOf(await api.signInAs("viewer"));
      const origin = (value: string) => ({ extraHeaders: { ...cookie, origin: value } });
      assert.equal(await refusal(url, origin("https://evil.example.com")), "foreign_origin");
      assert.equal(await refusal(url, origin("null")), "foreign_origin");
      assert.equal(await refusal(url, origin(url.replace("127.0.0.1", "localhost"))), "foreign_origin");
      const site = { ...cookie, "sec-fetch-site": "cross-site" };
      assert.equal(await refusal(url, { extraHeaders: site }), "foreign_origin");
      assert.equal(await refusal(url, origin(url)), "connected");
    });

    it("refuses an organisation that one doesn't belong to", async () => {
      const other = await api.createOrganization();
      const auth = (organizationId: string) => ({ auth: { token: api.admin, organizationId } });
      assert.equal(await refusal(url, auth(other)), "organization_not_found");
      assert.equal(await refusal(url, auth("../x")), "invalid_input");
      assert.equal(await refusal(url, auth(api.organizationId)), "connected");
      assert.equal(await refusal(url, { auth: { token: await api.signInAs(null) } }), "no_organization");
    });

    it("speaks WebSocket alone, on its own path", async () => {
      const polling = await fetch(`${url}/api/v1/live/?EIO=4&transport=polling`);
      assert.equal(polling.status, 404);
      assert.equal((await upgrade(url, "/api/v1/other")).status, 404);
      assert.equal((await upgrade(url, "/")).status, 404);
    });

    it("bounds the connections of a person", async () => {
      const token = await api.signInAs("viewer");
      const opened = [];
      for (let count = 0; count < 3; count += 1) opened.push(await connect(url, { auth: { token } }));
      assert.equal(await refusal(url, { auth: { token } }), "too_many_connections");
      opened[0]?.socket.disconnect();
      await eventually(async () => assert.equal(await refusal(url, { auth: { token } }), "connected"));
    });

    it("bounds the connections of all, also of those that say nothing", async () => {
      const small = await api.startFrontend({ live: { maxSockets: 2 } });
      const silent = [];
      for (let count = 0; count < 2; count += 1) {
        silent.push(await upgrade(small.url, "/api/v1/live/?EIO=4&transport=websocket"));
      }
      const refused = await upgrade(small.url, "/api/v1/live/?EIO=4&transport=websocket");
      assert.equal(refused.status, 503);
      for (const { socket } of silent) socket?.destroy();
      await small.frontend.stop();
    });

    it("ends who sends anything", async () => {
      const client = await connect(url, { auth: { token: api.admin } });
      client.socket.emit("devices", {});
      await once(client.socket as never, "disconnect");
    });
  });

  describe("and things change", () => {
    it("names the devices and the kinds of events, to its own organisation only", async () => {
      const other = await api.createOrganization();
      const stranger = await connect(url, { auth: { token: await api.signInAs("owner", other) } });
      const client = await connect(url, { auth: { token: await api.signInAs("viewer") } });
      const device = await api.createDevice();
      await api.call(`POST /devices/${device._id}/disable`, { as: api.admin });
      await eventually(() => {
        assert.ok(client.devices().has(device._id));
        assert.ok(client.changes.some(({ kinds, events }) => events && kinds.includes("device.disabled")));
      });
      await api.call("POST /provisioning-tokens", { as: api.admin, body: { name: "live" } });
      await eventually(() => assert.ok(client.changes.some(({ tokens }) => tokens)));
      assert.equal(client.changes[0]?.tokens, false);
      api.bus.publish("device:updated", { organizationId: other, deviceIds: ["dev_other"] });
      await eventually(() => assert.deepEqual([...stranger.devices()], ["dev_other"]));
      assert.equal(stranger.changes.length, 1);
      assert.equal(client.devices().has("dev_other"), false);
    });

    it("says so of a template that follows Git or has new files", async () => {
      const client = await connect(url, { auth: { token: api.admin } });
      const files = [{ path: "kustomization.yaml", content: "namePrefix: a-\n" }];
      const made = await api.call("POST /templates", { as: api.admin, body: { name: newId("t"), files } });
      const changed = [{ path: "kustomization.yaml", content: "namePrefix: b-\n" }];
      await api.call(`PATCH /templates/${made.body.id}`, { as: api.admin, body: { files: changed } });
      const named = () => client.changes.flatMap(({ templates }) => templates);
      await eventually(() => assert.ok(named().includes(made.body.id as string)));
    });

    it("makes few messages of many changes, and names no device where there are too many", async () => {
      const client = await connect(url, { auth: { token: api.admin } });
      const { organizationId } = api;
      const ids = Array.from({ length: 10_000 }, (_, index) => `dev_${index}`);
      for (const id of ids) api.bus.publish("device:updated", { organizationId, deviceIds: [id] });
      api.bus.publish("device:updated", { organizationId, deviceIds: ids });
      await eventually(() => assert.ok(client.changes.some(({ devicesMany }) => devicesMany)));
      const many = client.changes.filter(({ devicesMany }) => devicesMany);
      assert.ok(many.every(({ devices }) => devices.length === 0));
      api.bus.publish("device:updated", { organizationId, deviceIds: ["dev_last"] });
      await eventually(() => assert.ok(client.devices().has("dev_last")));
      assert.ok(client.changes.length <= 4, `${client.changes.length} messages`);
    });

    it("drops a reader that doesn't read, and nobody else", async function () {
      this.timeout(30_000);
      const quick = await api.startFrontend({ live: { coalesceMs: 1 } });
      const reader = await connect(quick.url, { auth: { token: api.admin } });
      const { socket } = await upgrade(quick.url, "/api/v1/live/?EIO=4&transport=websocket");
      assert.ok(socket);
      socket.write(frame(`40{"token":"${api.admin}"}`));
      // The engine's greeting, and being let in.
      let greeting = "";
      while (!greeting.includes("40{")) greeting += String(((await once(socket, "data")) as [Buffer])[0]);
      socket.pause();
      let isGone = false;
      socket.on("close", () => (isGone = true));
      socket.on("error", () => (isGone = true));
      const deviceIds = Array.from({ length: 100 }, (_, index) => `dev_${String(index).repeat(100)}`);
      await eventually(() => {
        for (let round = 0; round < 20; round += 1) {
          api.bus.publish("device:updated", { organizationId: api.organizationId, deviceIds });
        }
        // Only writing finds out that the other end is gone.
        socket.write(frame("3"));
        assert.ok(isGone);
      }, 25_000);
      assert.equal(reader.socket.connected, true);
      await quick.frontend.stop();
    });
  });

  describe("and the watcher loses the right to", () => {
    it("ends at sign-out, in every window of that session and in no other", async () => {
      const token = await api.signInAs("viewer");
      const other = await connect(url, { auth: { token: await api.signInAs("viewer") } });
      const windows = [
        await connect(url, { auth: { token } }),
        await connect(url, { extraHeaders: cookieOf(token) }),
      ];
      await api.call("POST /logout", { as: token });
      for (const { socket, endings } of windows) {
        await eventually(() => assert.equal(socket.connected, false));
        assert.equal(endings[0]?.code, "credentials_invalid");
      }
      assert.equal(other.socket.connected, true);
    });

    it("ends with the membership, and says that the role changed", async () => {
      const token = await api.signInAs("operator");
      const userId = await userIdOf(token);
      const client = await connect(url, { auth: { token } });
      await api.call(`PATCH /members/${userId}`, { as: api.admin, body: { role: "viewer" } });
      await eventually(() => assert.ok(client.changes.some(({ account }) => account)));
      await api.call(`DELETE /members/${userId}`, { as: api.admin });
      await eventually(() => assert.equal(client.socket.connected, false));
      assert.equal(client.endings[0]?.code, "no_organization");
    });

    it("ends when its API token is revoked", async () => {
      const made = await api.call("POST /api-tokens", {
        as: api.admin,
        body: { name: "l", scopes: ["read"] },
      });
      const client = await connect(url, { auth: { token: made.body.token as string } });
      await api.call(`DELETE /api-tokens/${made.body.id}`, { as: api.admin });
      await eventually(() => assert.equal(client.socket.connected, false));
    });

    it("finds a session that ended without a hint", async () => {
      const eager = await api.startFrontend({ live: { recheckMs: 50 } });
      const token = await api.signInAs("viewer");
      const client = await connect(eager.url, { auth: { token } });
      await api.store.accounts.deleteSession(hashToken(token));
      await eventually(() => assert.equal(client.socket.connected, false));
      assert.equal(client.endings[0]?.code, "credentials_invalid");
      await eager.frontend.stop();
    });

    it("ends where the organisation no longer lets itself be worked with from this address", async () => {
      const organizationId = await api.createOrganization();
      const [owner, watcher] = [
        await api.signInAs("owner", organizationId),
        await api.signInAs("viewer", organizationId),
      ];
      const behind = await api.startFrontend({ trustProxy: 1 });
      const from = (address: string) => ({ extraHeaders: { "x-forwarded-for": address } });
      const client = await connect(behind.url, { auth: { token: watcher }, ...from("203.0.113.5") });
      const set = await callApi(behind.url, "PUT /organization/allow-lists", {
        as: owner,
        headers: { "x-forwarded-for": "192.0.2.1" },
        body: { console: ["192.0.2.0/24"], apiTokens: [] },
      });
      assert.equal(set.status, 200);
      await eventually(() => assert.equal(client.endings[0]?.code, "address_not_allowed"));
      assert.equal(
        await refusal(behind.url, { auth: { token: watcher }, ...from("203.0.113.5") }),
        "address_not_allowed",
      );
      await behind.frontend.stop();
    });

    it("lets a suspended organisation be looked at, and says that it is suspended", async () => {
      const suspended = await api.createOrganization();
      const token = await api.signInAs("owner", suspended);
      const client = await connect(url, { auth: { token } });
      const path = `PATCH /platform/organizations/${suspended}`;
      await api.call(path, { as: api.admin, body: { status: "suspended" } });
      await eventually(() => assert.ok(client.changes.some(({ account }) => account)));
      assert.equal(client.socket.connected, true);
      assert.equal(await refusal(url, { auth: { token } }), "connected");
    });
  });

  it("lets everybody go when the platform stops, so that they come back", async () => {
    const second = await api.startFrontend();
    const client = await connect(second.url, { auth: { token: api.admin } });
    const gone = new Promise((resolve) => client.socket.once("disconnect", resolve));
    await second.frontend.stop();
    assert.notEqual(await gone, "io server disconnect", "browsers don't come back by themselves after that");
  });
});
