import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { idField } from "@rciots/protocol";
import { createLogger, hashToken, newId, newToken, notFound } from "@rciots/runtime";
import express, { type Request } from "express";
import { z } from "zod";
import { createAudit } from "../src/audit/audit.ts";
import { createIdentify, type Identify } from "../src/auth/identify.ts";
import type { RouteSocket } from "../src/http/route-socket.ts";
import { createSocketGateway, type SocketGateway, type SocketSettings } from "../src/http/socket-gateway.ts";
import { defineSocketRoute } from "../src/http/socket-route.ts";
import { createUpgrades } from "../src/http/upgrades.ts";
import { eventually, startApi, type ApiFixture } from "./api-fixture.ts";
import { openSocket, type SocketClient } from "./socket-client.ts";

const logger = createLogger({ level: "error", write: () => undefined });

describe("when a WebSocket of the API is asked for", () => {
  let api: ApiFixture;
  let server: Server;
  let gateway: SocketGateway;
  let url: string;
  let identifyFault: Error | undefined;
  /** What the route does with a WebSocket that was let in. */
  let serve: (socket: RouteSocket) => Promise<void>;
  let clients: SocketClient[] = [];

  const echo = (socket: RouteSocket): Promise<void> =>
    new Promise((resolve) => {
      socket.signal.addEventListener("abort", () => resolve());
      socket.onMessage((message, isBinary) => socket.send(isBinary ? message : message.toString()));
    });

  /** One that operators may open on a device that is active. */
  const route = () =>
    defineSocketRoute({
      path: "/devices/{id}/echo",
      id: "echo",
      tag: "Devices",
      summary: "Answer what is sent",
      access: "operator",
      about: "Every message comes back.",
      maxMessageBytes: 1_000,
      params: z.strictObject({ id: idField("dev") }),
      query: z.strictObject({ rows: z.coerce.number().int().max(100).optional() }),
      async prepare({ caller, params: { id } }) {
        const device = await api.store.devices.find(caller.organizationId, id);
        if (device?.status !== "active")
          throw notFound({ code: "device_not_found", message: "There is no such device." });
        return {
          opening: { kind: "echo.opened", message: "An echo was opened.", deviceId: id },
          run: (socket) => serve(socket),
        };
      },
    });

  async function start(settings: Partial<SocketSettings> = {}): Promise<void> {
    const app = express();
    server = createServer(app);
    const identify = createIdentify({ store: api.store, logger });
    const faulty: Identify = (presented) =>
      identifyFault === undefined ? identify(presented) : Promise.reject(identifyFault);
    gateway = createSocketGateway({
      routes: [route()],
      identify: faulty,
      audit: createAudit({ store: api.store, bus: api.bus }),
      bus: api.bus,
      logger,
      publicOrigins: ["https://console.example.com"],
      requestOf: (message: IncomingMessage) => Object.setPrototypeOf(message, app.request) as Request,
      settings,
    });
    gateway.mount(createUpgrades(server));
    gateway.start();
    for (const { loop } of gateway.loops) loop.start();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async function stop(): Promise<void> {
    await gateway.stop();
    await Promise.all(gateway.loops.map(({ loop }) => loop.stop()));
    server.close();
  }

  async function restart(settings: Partial<SocketSettings>): Promise<void> {
    await stop();
    await start(settings);
  }

  let deviceId: string;
  before(async () => {
    api = await startApi();
    await start();
  });
  beforeEach(async () => {
    serve = echo;
    identifyFault = undefined;
    deviceId = (await api.createDevice())._id;
  });
  afterEach(() => {
    for (const { ws } of clients) ws.terminate();
    clients = [];
  });
  after(async () => {
    await stop();
    await api.stop();
  });

  const pathOf = (id = deviceId): string => `${url}/api/v1/devices/${id}/echo`;
  const cookieOf = (token: string): Record<string, string> => ({ cookie: `rciots_session=${token}` });
  const userIdOf = async (token: string): Promise<string> =>
    (await api.store.accounts.findSession(hashToken(token)))?.userId ?? "";

  async function open(headers: Record<string, string>, target = pathOf()): Promise<SocketClient> {
    const { client, response } = await openSocket(target, headers);
    assert.ok(client, response?.text);
    clients.push(client);
    return client;
  }
  const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
  const openAs = (token: string): Promise<SocketClient> => open(bearer(token));

  /** Status and code of the answer that refuses it. */
  async function refusal(headers: Record<string, string>, target = pathOf()): Promise<string> {
    const { client, response } = await openSocket(target, headers);
    if (client !== undefined) {
      clients.push(client);
      return "open";
    }
    assert.match(response.headers.get("content-type") ?? "", /problem\+json/);
    const problem = JSON.parse(response.text) as { code: string; requestId: string };
    assert.equal(problem.requestId, response.headers.get("x-request-id"));
    return `${response.status} ${problem.code}`;
  }

  /** The code that ended it, and its close code. */
  async function ending(client: SocketClient): Promise<string> {
    const closeCode = await client.closed;
    const problem = JSON.parse(client.messages.at(-1)?.toString() ?? "{}") as { code?: string };
    return `${closeCode} ${problem.code ?? ""}`;
  }

  async function apiToken(fields: { scopes?: string[]; userId?: string } = {}) {
    const token = newToken("rca");
    const stored = {
      _id: newId("tok"),
      organizationId: api.organizationId,
      userId: await userIdOf(api.admin),
      name: "test",
      hash: hashToken(token),
      scopes: ["write"],
      expiresAt: null,
      lastUsedAt: null,
      createdAt: new Date(),
      ...fields,
    };
    await api.store.accounts.insertApiToken(stored);
    return { token, id: stored._id, userId: stored.userId };
  }

  describe("and somebody asks", () => {
    it("carries messages both ways for a session or a token that may", async () => {
      for (const token of [api.admin, (await apiToken()).token, await api.signInAs("operator")]) {
        const client = await openAs(token);
        client.ws.send("hello");
        client.ws.send(Buffer.from([0, 1, 255]));
        await eventually(() => assert.equal(client.messages.length, 2));
        assert.equal(client.messages[0], "hello");
        assert.deepEqual(client.messages[1], Buffer.from([0, 1, 255]));
      }
    });

    it("refuses everybody else before it is open, with the problem", async () => {
      assert.equal(await refusal({}), "401 unauthorized");
      assert.equal(await refusal(bearer("rcs_wrong")), "401 credentials_invalid");
      assert.equal(await refusal(bearer(await api.signInAs("viewer"))), "403 role_required");
      assert.equal(await refusal(bearer((await apiToken({ scopes: ["read"] })).token)), "403 role_required");
      assert.equal(await refusal(bearer(await api.signInAs(null))), "403 no_organization");
      const other = await api.signInAs("owner", await api.createOrganization());
      assert.equal(await refusal(bearer(other)), "404 device_not_found");
    });

    it("checks path, query and organisation as of a request", async () => {
      const asAdmin = bearer(api.admin);
      assert.equal(await refusal(asAdmin, pathOf("dev_1")), "400 invalid_input");
      assert.equal(await refusal(asAdmin, `${pathOf()}?rows=many`), "400 invalid_input");
      assert.equal(await refusal(asAdmin, `${pathOf()}?rows=20&more=1`), "400 invalid_input");
      assert.equal(await refusal(asAdmin, `${pathOf()}?rows=20`), "open");
      const foreign = await api.createOrganization();
      const named = `${pathOf()}?organizationId=${foreign}`;
      assert.equal(await refusal(asAdmin, named), "404 organization_not_found");
      assert.equal(
        await refusal({ ...asAdmin, "x-rciots-organization": foreign }),
        "404 organization_not_found",
      );
      assert.equal(await refusal(asAdmin, `${pathOf()}?organizationId=${api.organizationId}`), "open");
    });

    it("is refused while the organisation is suspended or the address is not allowed", async () => {
      const organizationId = await api.createOrganization();
      const owner = await api.signInAs("owner", organizationId);
      const device = await api.createDevice({ organizationId });
      await api.call(`PATCH /platform/organizations/${organizationId}`, {
        as: api.admin,
        body: { status: "suspended" },
      });
      assert.equal(await refusal(bearer(owner), pathOf(device._id)), "403 organization_suspended");
      const elsewhere = await api.createOrganization();
      const lists = { apiTokens: [], console: ["203.0.113.0/24"] };
      await api.store.organizations.replaceAllowLists(elsewhere, 0, lists);
      const far = await api.signInAs("owner", elsewhere);
      const theirs = await api.createDevice({ organizationId: elsewhere });
      assert.equal(await refusal(bearer(far), pathOf(theirs._id)), "403 address_not_allowed");
    });

    it("records who opened it, from where", async () => {
      const client = await openAs(api.admin);
      const [event] = await api.store.events.list({ organizationId: api.organizationId, limit: 1 });
      assert.equal(event?.kind, "echo.opened");
      assert.equal(event.deviceId, deviceId);
      assert.equal(event.actor.name, "admin");
      assert.match(event.address ?? "", /127\.0\.0\.1/);
      client.ws.close();
    });

    it("answers what is no handshake, and paths that nobody has", async () => {
      const ask = (lines: string[], path = pathOf()): Promise<string> =>
        new Promise((resolve, reject) => {
          const { hostname, port, pathname } = new URL(path);
          const socket = connect({ host: hostname, port: Number(port) }, () =>
            socket.write(
              [`GET ${pathname} HTTP/1.1`, "Host: x", "Connection: Upgrade", ...lines, "", ""].join("\r\n"),
            ),
          );
          let text = "";
          socket.on("data", (bytes: Buffer) => (text += bytes.toString()));
          socket.on("close", () => resolve(text));
          socket.on("error", reject);
        });
      assert.match(await ask(["Upgrade: h2c"]), /^HTTP\/1\.1 426 [\s\S]*upgrade_required/);
      assert.match(await ask(["Upgrade: websocket"]), /^HTTP\/1\.1 400 [\s\S]*invalid_handshake/);
      assert.match(await ask(["Upgrade: websocket"], `${url}/api/v1/devices`), /^HTTP\/1\.1 404/);
      assert.match(await ask(["Upgrade: websocket"], `${url}/api/v1/devices/%zz/echo`), /^HTTP\/1\.1 404/);
    });
  });

  describe("and a browser asks", () => {
    const origin = "https://console.example.com";

    it("takes the cookie from a page of the console alone", async () => {
      const client = await open({ ...cookieOf(api.admin), origin });
      client.ws.send("hello");
      await eventually(() => assert.deepEqual(client.messages, ["hello"]));
      await open({ ...cookieOf(api.admin), origin: url });
      assert.equal(
        await refusal({ ...cookieOf(api.admin), origin: "https://evil.example.com" }),
        "403 foreign_origin",
      );
      assert.equal(
        await refusal({ ...cookieOf(api.admin), origin, "sec-fetch-site": "cross-site" }),
        "403 foreign_origin",
      );
    });

    it("tells the page why on a WebSocket that it closes, since it can't read an answer", async () => {
      const viewer = await open({ ...cookieOf(await api.signInAs("viewer")), origin });
      assert.equal(await ending(viewer), "4403 role_required");
      assert.equal(await ending(await open({ origin })), "4401 unauthorized");
      const missing = newId("dev");
      assert.equal(
        await ending(await open({ ...cookieOf(api.admin), origin }, pathOf(missing))),
        "4404 device_not_found",
      );
    });
  });

  describe("and it is open", () => {
    it("ends as soon as what it was opened with is taken away", async () => {
      const { token, id, userId } = await apiToken();
      const byToken = await openAs(token);
      await api.store.accounts.deleteApiToken(api.organizationId, id);
      api.bus.publish("account:changed", { userId });
      assert.equal(await ending(byToken), "4401 credentials_invalid");

      const operator = await api.signInAs("operator");
      const bySession = await openAs(operator);
      await api.call("POST /logout", { as: operator });
      assert.equal(await ending(bySession), "4401 credentials_invalid");
    });

    it("ends as soon as the role is lowered or the organisation suspended, and not for others", async () => {
      const kept = await openAs(api.admin);
      const operator = await api.signInAs("operator");
      const lowered = await openAs(operator);
      await api.call(`PATCH /members/${await userIdOf(operator)}`, {
        as: api.admin,
        body: { role: "viewer" },
      });
      assert.equal(await ending(lowered), "4403 role_required");

      const organizationId = await api.createOrganization();
      const device = await api.createDevice({ organizationId });
      const owner = await api.signInAs("owner", organizationId);
      const suspended = await open(bearer(owner), pathOf(device._id));
      await api.call(`PATCH /platform/organizations/${organizationId}`, {
        as: api.admin,
        body: { status: "suspended" },
      });
      assert.equal(await ending(suspended), "4403 organization_suspended");
      kept.ws.send("still here");
      await eventually(() => assert.deepEqual(kept.messages, ["still here"]));
    });

    it("ends as soon as the device may not be reached any more", async () => {
      const [gone, other] = [
        await openAs(api.admin),
        await open(bearer(api.admin), pathOf((await api.createDevice())._id)),
      ];
      await api.call(`POST /devices/${deviceId}/disable`, { as: api.admin });
      assert.equal(await ending(gone), "4404 device_not_found");
      other.ws.send("still here");
      await eventually(() => assert.deepEqual(other.messages, ["still here"]));
    });

    it("lets it live while the store is away for a moment, and ends it where that lasts", async () => {
      await restart({ recheckMs: 500 });
      try {
        const client = await openAs(api.admin);
        identifyFault = new Error("the store is away");
        api.bus.publish("account:changed", { userId: await userIdOf(api.admin) });
        client.ws.send("still here");
        await eventually(() => assert.deepEqual(client.messages, ["still here"]));
        assert.equal(await ending(client), "4500 internal_error");
      } finally {
        await restart({});
      }
    });

    it("is looked at in any case, also where no hint comes", async () => {
      await restart({ recheckMs: 40 });
      try {
        const { token, id } = await apiToken();
        const client = await openAs(token);
        await api.store.accounts.deleteApiToken(api.organizationId, id);
        assert.equal(await ending(client), "4401 credentials_invalid");
      } finally {
        await restart({});
      }
    });

    it("ends one whose message is too long, and whose route fails", async () => {
      const client = await openAs(api.admin);
      client.ws.send("x".repeat(1_001));
      assert.equal(await client.closed, 1_009);
      serve = () => Promise.reject(new Error("a fault"));
      assert.equal(await ending(await openAs(api.admin)), "4500 internal_error");
      serve = async () => undefined;
      assert.equal(await (await openAs(api.admin)).closed, 1_000);
    });
  });

  describe("and there are many, or the peer stands still", () => {
    it("gives a person, an organisation and the platform no more than they may have", async () => {
      await restart({ maxSocketsOfUser: 2, maxSocketsOfOrganization: 3, maxSockets: 4 });
      try {
        const [ours, ...more] = [await openAs(api.admin), await openAs(api.admin)];
        assert.equal(await refusal(bearer(api.admin)), "429 too_many_connections");
        await openAs(await api.signInAs("operator"));
        assert.equal(await refusal(bearer(await api.signInAs("operator"))), "429 too_many_connections");
        ours.ws.close();
        await ours.closed;
        await eventually(async () => assert.equal(await refusal(bearer(api.admin)), "open"));
        assert.equal(more.length, 1);
      } finally {
        await restart({});
      }
    });

    it("makes whoever sends wait, and cuts a peer for which too much waits all the same", async () => {
      await restart({ fullBytes: 65_536, maxQueuedBytes: 16 * 1_048_576 });
      try {
        let refused = 0;
        let sentBytes = 0;
        let wrote: () => void;
        const written = new Promise<void>((resolve) => (wrote = resolve));
        serve = (socket) =>
          new Promise((resolve) => {
            socket.signal.addEventListener("abort", () => resolve());
            const piece = Buffer.alloc(65_536);
            const fill = (): void => {
              while (sentBytes < 24 * 1_048_576) {
                sentBytes += piece.length;
                if (!socket.send(piece)) {
                  refused += 1;
                  return;
                }
              }
              wrote();
            };
            socket.onWritable(fill);
            socket.onMessage(() => fill());
          });
        const client = await openAs(api.admin);
        client.ws.pause();
        client.ws.send("begin");
        await eventually(() => assert.ok(refused > 0));
        const before = sentBytes;
        assert.ok(before < 16 * 1_048_576, `${before} bytes`);
        client.ws.resume();
        await written;
        await eventually(() =>
          assert.equal(
            client.messages.reduce((sum, piece) => sum + piece.length, 0),
            24 * 1_048_576,
          ),
        );

        serve = async (socket) => {
          const piece = Buffer.alloc(65_536);
          for (let count = 0; count < 1_000 && !socket.signal.aborted; count += 1) socket.send(piece);
          await once(socket.signal, "abort");
        };
        const { ws, closed } = await openAs(api.admin);
        ws.pause();
        setTimeout(() => ws.resume(), 50);
        assert.equal(await closed, 1_006);
      } finally {
        await restart({});
      }
    });

    it("cuts a peer that doesn't answer, and none that does", async () => {
      await restart({ pingMs: 50 });
      try {
        const there = await openAs(api.admin);
        const silent = await openAs(api.admin);
        // Reads, and answers nothing.
        const raw = (silent.ws as unknown as { _socket: Socket })._socket;
        raw.write = () => true;
        await silent.closed;
        there.ws.send("still here");
        await eventually(() => assert.deepEqual(there.messages, ["still here"]));
      } finally {
        await restart({});
      }
    });
  });

  it("says that the service restarts when that stops, and waits for what is left to do", async () => {
    let isDone = false;
    serve = async (socket) => {
      await once(socket.signal, "abort");
      await Promise.resolve();
      isDone = true;
    };
    const client = await openAs(api.admin);
    await stop();
    assert.equal(isDone, true);
    assert.equal(await ending(client), "1012 service_restarting");
    await start();
  });
});
