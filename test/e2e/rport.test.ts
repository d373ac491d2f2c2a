import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server } from "node:net";
import { promisify } from "node:util";
import { startAgentProcess, type AgentProcess } from "../harness/agent-process.ts";
import type { ApiClient } from "../harness/api-client.ts";
import { createToken, deviceOnline } from "../harness/fleet.ts";
import { freePortRange, startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";

const run = promisify(execFile);

describe("the API of rport 0.1, as its README calls it", function () {
  this.timeout(120_000);
  let platform: PlatformProcess;
  let agent: AgentProcess;
  let api: ApiClient;
  let echo: Server;
  let deviceId: string;
  let token: string;
  let first: number;
  let echoPort: number;

  before(async () => {
    first = await freePortRange(51);
    platform = await startPlatformProcess({
      env: { RCIOTS_TUNNEL_PORTS: `${first}-${first + 50}` },
    });
    api = await platform.api();
    agent = startAgentProcess({ platform, token: await createToken(api), name: "my-devvm" });
    deviceId = (await deviceOnline(api, "my-devvm")).id;
    await api.patch(`/devices/${deviceId}/labels`, { os: "Linux", site: "Berlin" });
    token = (await api.post("/api-tokens", { name: "rport", scopes: ["write"] })).token as string;
    echo = createServer((socket) => socket.pipe(socket));
    echo.listen(0, "127.0.0.1");
    await once(echo, "listening");
    echoPort = (echo.address() as AddressInfo).port;
  });
  after(async () => {
    await Promise.all([agent?.stop(), platform?.stop()]);
    echo?.close();
  });

  /** curl, as it stands in the README but for address and password. */
  async function curl(args: string[], path: string, user = `admin:${token}`) {
    const url = `${platform.consoleUrl}/api/v1${path}`;
    const { stdout } = await run("curl", ["-s", "-u", user, ...args, "-w", "\n%{http_code}", url]);
    const [, text = "", status = ""] = /^([\s\S]*)\n(\d+)$/.exec(stdout) ?? [];
    return { status: Number(status), body: text === "" ? undefined : JSON.parse(text) };
  }
  const put = (query: string) => curl(["-X", "PUT"], `/sessions/${deviceId}/tunnels?${query}`);

  it("lists who is connected, with the fields of the README and no others", async () => {
    const { status, body } = await curl([], "/sessions");
    assert.equal(status, 200);
    const [session] = body;
    assert.deepEqual(Object.keys(session), [
      ...["id", "name", "os", "hostname", "ipv4", "ipv6", "tags", "version", "address", "tunnels"],
    ]);
    assert.deepEqual([session.id, session.name, session.tunnels], [deviceId, "my-devvm", []]);
    assert.deepEqual(session.tags.sort(), ["os=Linux", "site=Berlin"]);
    assert.match(session.os, /linux/i);
    assert.match(session.address, /127\.0\.0\.1/);
    assert.ok(Array.isArray(session.ipv4) && Array.isArray(session.ipv6));
  });

  it("opens a tunnel, to the device and over it, lists it and closes it", async () => {
    const opened = await put(`local=${first}&remote=${echoPort}`);
    assert.equal(opened.status, 200, JSON.stringify(opened.body));
    const { id, ...rest } = opened.body;
    const shown = { lhost: "127.0.0.1", lport: String(first), rhost: "0.0.0.0", rport: String(echoPort) };
    assert.deepEqual(rest, shown);
    const socket = connect({ host: "127.0.0.1", port: first });
    socket.write("hello");
    assert.equal(String((await once(socket, "data"))[0]), "hello");
    socket.destroy();
    // The same again is the same tunnel.
    assert.deepEqual((await put(`local=${first}&remote=${echoPort}`)).body, opened.body);
    const over = await put("remote=192.168.178.1:80&acl=203.0.113.0/24,2001:db8::/32");
    assert.deepEqual([over.body.rhost, over.body.rport], ["192.168.178.1", "80"]);
    const { body } = await curl([], "/sessions");
    assert.deepEqual(body[0].tunnels.map((tunnel: any) => tunnel.id).sort(), [id, over.body.id].sort());
    const stored = await api.get(`/devices/${deviceId}/tunnels/${over.body.id}`);
    assert.deepEqual(stored.allowFrom, ["203.0.113.0/24", "2001:db8::/32"]);
    for (const tunnelId of [id, over.body.id]) {
      const closed = await curl(["-X", "DELETE"], `/sessions/${deviceId}/tunnels/${tunnelId}`);
      assert.equal(closed.status, 204);
    }
    assert.deepEqual((await curl([], "/sessions")).body[0].tunnels, []);
    const { items } = await api.get("/events?kind=tunnel.opened");
    assert.equal(items.length, 2);
    assert.match(items[0].actor.name, /^rport /);
  });

  it("refuses a wrong password, a token that only reads, and what isn't there", async () => {
    assert.equal((await curl([], "/sessions", "admin:foobaz")).status, 401);
    const reader = (await api.post("/api-tokens", { name: "reader", scopes: ["read"] })).token as string;
    assert.equal((await curl([], "/sessions", `x:${reader}`)).status, 200);
    const path = `/sessions/${deviceId}/tunnels?remote=22`;
    assert.equal((await curl(["-X", "PUT"], path, `x:${reader}`)).status, 403);
    assert.equal((await put("remote=nothing")).status, 400);
    assert.equal((await put("local=1&remote=22")).status, 400);
    assert.equal((await curl(["-X", "PUT"], "/sessions/1/tunnels?remote=22")).status, 400);
  });
});
