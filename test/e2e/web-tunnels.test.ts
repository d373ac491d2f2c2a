import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { X509Certificate } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { WebSocketServer } from "ws";
import { startAgentProcess, type AgentProcess } from "../harness/agent-process.ts";
import type { ApiClient } from "../harness/api-client.ts";
import { browserFault, openBrowser, type TestBrowser } from "../harness/browser.ts";
import { eventually } from "../harness/eventually.ts";
import { createToken, deviceOnline } from "../harness/fleet.ts";
import { startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";

const run = promisify(execFile);

const page = `<!doctype html><title>Camera</title><h1 id="title">Camera</h1><p id="answer"></p><script>
const socket = new WebSocket(location.origin.replace("http", "ws") + "/echo");
socket.onopen = () => socket.send("hello");
socket.onmessage = ({ data }) => { document.getElementById("answer").textContent = data; };
</script>`;

/** What the device's server was asked with, newest last. */
interface Seen {
  url: string;
  headers: IncomingMessage["headers"];
}

describe("web tunnels", function () {
  this.timeout(120_000);
  let platform: PlatformProcess;
  let agent: AgentProcess;
  let api: ApiClient;
  let camera: Server;
  let secure: Server;
  let sockets: WebSocketServer;
  let browser: TestBrowser | undefined;
  let deviceId: string;
  let folder: string;
  let fingerprint: string;
  const seen: Seen[] = [];

  const portOf = (server: Server): number => (server.address() as AddressInfo).port;

  function answer(message: IncomingMessage, response: ServerResponse): void {
    const { url = "", headers } = message;
    seen.push({ url, headers });
    if (url === "/moved") {
      response.writeHead(302, {
        location: `http://127.0.0.1:${portOf(camera)}/`,
        "set-cookie": ["id=1; Domain=localhost", "rciots-web=stolen"],
      });
      return void response.end();
    }
    if (url === "/upload") {
      const hash = createHash("sha256");
      message.on("data", (chunk: Buffer) => hash.update(chunk));
      message.on("end", () => response.end(hash.digest("hex")));
      return;
    }
    if (url === "/break") return void response.socket?.destroy();
    if (url === "/forever") {
      response.writeHead(200, { "content-type": "text/plain" });
      return void response.write("first");
    }
    response.writeHead(200, { "content-type": "text/html" });
    response.end(page);
  }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "rciots-web-"));
    const [key, certificate] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    await run("openssl", [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
      ...["-keyout", key, "-out", certificate, "-subj", "/CN=camera"],
    ]);
    const [keyPem, pem] = [await readFile(key), await readFile(certificate, "utf8")];
    fingerprint = new X509Certificate(pem).fingerprint256;
    camera = createServer(answer);
    secure = createTlsServer({ key: keyPem, cert: pem }, answer);
    for (const server of [camera, secure]) {
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
    }
    sockets = new WebSocketServer({ server: camera, path: "/echo" });
    sockets.on("connection", (ws) =>
      ws.on("message", (data, isBinary) => ws.send(data, { binary: isBinary })),
    );
    platform = await startPlatformProcess({ env: { RCIOTS_PROXY_DOMAIN: "apps.localhost" } });
    api = await platform.api();
    agent = startAgentProcess({ platform, token: await createToken(api), name: "cam-1" });
    deviceId = (await deviceOnline(api, "cam-1")).id;
  });
  after(async () => {
    await browser?.close();
    await Promise.all([agent?.stop(), platform?.stop()]);
    sockets?.close();
    for (const server of [camera, secure]) {
      server?.close();
      server?.closeAllConnections();
    }
    await rm(folder, { recursive: true, force: true });
  });

  const path = () => `/devices/${deviceId}/web-tunnels`;
  const open = (more: object = {}): Promise<any> =>
    api.post(path(), { target: { host: "127.0.0.1", port: portOf(camera) }, ...more });

  /** A request for the name of a tunnel without a browser: names below localhost are this machine. */
  async function ask(url: string, headers: Record<string, string> = {}, method = "GET", body?: Buffer) {
    const { port, host, pathname } = new URL(url);
    const sent = request({ host: "127.0.0.1", port, path: pathname + new URL(url).search, method });
    for (const [name, value] of Object.entries({ host, ...headers })) sent.setHeader(name, value);
    sent.end(body);
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    let text = "";
    for await (const chunk of response) text += String(chunk);
    return { status: response.statusCode, headers: response.headers, text };
  }

  /** The cookie of a browser that was let in; the way that the console goes. */
  async function enter(url: string, as = api): Promise<string> {
    const invited = await ask(url, { accept: "text/html" });
    assert.equal(invited.status, 302);
    const to = new URL(invited.headers.location ?? "");
    const [state = ""] = (invited.headers["set-cookie"]?.[0] ?? "").split(";");
    const body = Object.fromEntries(to.searchParams) as { label: string; state: string; to: string };
    const admitted = await as.post("/web-access", body);
    const entered = await ask(admitted.url as string, { cookie: state });
    assert.equal(entered.status, 303, entered.text);
    assert.equal(entered.headers.location, new URL(url).pathname);
    const again = await ask(admitted.url as string, { cookie: state });
    assert.equal(again.status, 401);
    return (entered.headers["set-cookie"]?.[0] ?? "").split(";")[0] ?? "";
  }

  it("show the page in a browser that is signed in, with its WebSocket, until the person signs out", async function () {
    if (browserFault() !== undefined) return this.skip();
    browser = await openBrowser();
    const tunnel = await open({ name: "Camera" });
    assert.match(tunnel.url, /^http:\/\/cam-1-[0-9a-f]{12}\.apps\.localhost:\d+\/$/);
    const { page: tab, context } = await browser.openPage({ baseUrl: platform.consoleUrl });
    await tab.goto(`${tunnel.url}view?x=1`);
    await tab.locator("input[autocomplete=username]").fill("admin");
    await tab.locator("input[autocomplete=current-password]").fill("correct horse battery staple");
    await tab.getByRole("button", { name: "Sign in" }).click();
    await tab.waitForSelector("#title");
    assert.equal(tab.url(), `${tunnel.url}view?x=1`);
    await tab.locator("#answer", { hasText: "hello" }).waitFor();
    const cookies = await context.cookies(tunnel.url);
    const own = cookies.find(({ name }) => name === "rciots-web");
    assert.deepEqual(
      [own?.httpOnly, own?.sameSite, own?.domain],
      [true, "Lax", new URL(tunnel.url).hostname],
    );
    assert.ok(seen.every(({ headers }) => !/rciots/.test(headers.cookie ?? "")));
    const console = await context.newPage();
    await console.goto(platform.consoleUrl.replace("127.0.0.1", "localhost"));
    await console.getByRole("button", { name: /admin/ }).click();
    await console.getByRole("menuitem", { name: "Sign out" }).click();
    await console.locator("input[autocomplete=username]").waitFor();
    const refused = await tab.goto(tunnel.url);
    assert.ok(tab.url().startsWith(platform.consoleUrl.replace("127.0.0.1", "localhost")), tab.url());
    assert.equal(refused?.status(), 200);
    await tab.locator("input[autocomplete=username]").waitFor();
    await context.close();
    const { items } = await api.get("/events?kind=web-tunnel.entered");
    assert.equal(items.length, 1);
    // The visit, and within it the WebSocket.
    await eventually(async () => {
      const opened = (await api.get("/events?kind=connection.opened")).items as any[];
      assert.deepEqual(
        opened.map(({ details, actor }) => [details.path, details.webTunnelId, actor.name]).sort(),
        [
          [undefined, tunnel.id, "admin"],
          ["/echo", tunnel.id, "admin"],
        ],
      );
      const [closed] = (await api.get("/events?kind=connection.closed")).items as any[];
      assert.equal(closed?.details.path, "/echo");
    });
  });

  it("tell the server what it needs and nothing of ours, and keep its answers within their name", async () => {
    const tunnel = await open();
    const cookie = await enter(`${tunnel.url}start`);
    const token = "Bearer rca_secret";
    await ask(`${tunnel.url}a?b=c`, { cookie: `${cookie}; theme=dark`, authorization: token });
    const last = seen.at(-1);
    assert.equal(last?.url, "/a?b=c");
    assert.equal(last.headers.cookie, "theme=dark");
    assert.equal(last.headers.authorization, undefined);
    assert.equal(last.headers.host, `127.0.0.1:${portOf(camera)}`);
    assert.equal(last.headers["x-forwarded-host"], new URL(tunnel.url).host);
    const moved = await ask(`${tunnel.url}moved`, { cookie });
    assert.equal(moved.headers.location, tunnel.url);
    assert.deepEqual(moved.headers["set-cookie"], ["id=1"]);
    await api.patch(`${path()}/${tunnel.id}`, { hostHeader: "browser" });
    await ask(tunnel.url, { cookie });
    assert.equal(seen.at(-1)?.headers.host, new URL(tunnel.url).host);
  });

  it("carry a large upload whole, and count it", async () => {
    const tunnel = await open();
    const cookie = await enter(tunnel.url);
    const bytes = randomBytes(20 * 1_048_576);
    const answered = await ask(`${tunnel.url}upload`, { cookie }, "POST", bytes);
    assert.equal(answered.text, createHash("sha256").update(bytes).digest("hex"));
    await eventually(async () => {
      const { usage } = await api.get(`${path()}/${tunnel.id}`);
      assert.ok(usage.requests >= 1 && usage.sentBytes > bytes.length, JSON.stringify(usage));
    });
  });

  it("let nobody in without a cookie of this very name, nor pages of other names", async () => {
    const [one, other] = [await open(), await open()];
    const cookie = await enter(one.url);
    assert.equal((await ask(one.url, { cookie })).status, 200);
    assert.equal((await ask(other.url, { cookie })).status, 401);
    assert.equal((await ask(one.url)).status, 401);
    assert.equal((await ask(one.url, { authorization: "Bearer x" })).status, 401);
    const foreign = { cookie, origin: new URL(other.url).origin };
    assert.equal((await ask(one.url, foreign, "POST")).status, 403);
    const fetched = { cookie, "sec-fetch-site": "same-site", "sec-fetch-mode": "cors" };
    assert.equal((await ask(one.url, fetched)).status, 403);
    const nobody = one.url.replace("cam-1-", "cam-2-");
    assert.equal((await ask(nobody, { cookie })).status, 404);
  });

  it("take a code only from the browser that asked for it, and only from who may", async () => {
    const tunnel = await open();
    const invited = await ask(tunnel.url, { accept: "text/html" });
    const body = Object.fromEntries(new URL(invited.headers.location ?? "").searchParams);
    const { url } = await api.post("/web-access", body);
    const stolen = await ask(url as string, { cookie: "rciots-web-state=rcw_another-browser-altogether" });
    assert.equal(stolen.status, 401);
    const token = (await api.post("/api-tokens", { name: "web", scopes: ["admin"] })).token as string;
    await assert.rejects(platform.apiWith(token).post("/web-access", body), /session_required/);
  });

  it("end what is open when the tunnel is closed or the device disabled, and say what is wrong in words", async () => {
    const tunnel = await open();
    const cookie = await enter(tunnel.url);
    const broken = await ask(`${tunnel.url}break`, { cookie, accept: "text/html" });
    assert.equal(broken.status, 502);
    assert.match(broken.text, /<h1>The device&#39;s page can&#39;t be shown<\/h1>/);
    const { port, host } = new URL(tunnel.url);
    const endless = request({ host: "127.0.0.1", port, path: "/forever", headers: { host, cookie } }).end();
    const [response] = (await once(endless, "response")) as [IncomingMessage];
    await once(response, "data");
    const cut = new Promise((resolve) => response.once("close", resolve));
    response.on("error", () => undefined);
    await api.delete(`${path()}/${tunnel.id}`);
    await cut;
    assert.equal((await ask(tunnel.url, { cookie })).status, 404);

    const closed = await open({ target: { host: "127.0.0.1", port: 9 } });
    const refused = await ask(`${closed.url}`, { cookie: await enter(closed.url) });
    assert.equal(refused.status, 502);
    const forbidden = await open({ target: { host: "192.0.2.1", port: 80 } });
    assert.equal((await ask(forbidden.url, { cookie: await enter(forbidden.url) })).status, 409);
    await eventually(async () => {
      const refused = (await api.get("/events?kind=connection.refused")).items as any[];
      assert.deepEqual(refused.map(({ details }) => [details.reason, details.webTunnelId]).sort(), [
        ["connection_refused", closed.id],
        ["target_not_allowed", forbidden.id],
      ]);
    });
  });

  it("speak TLS to a server that does, and to the one that is pinned alone", async () => {
    const target = { host: "127.0.0.1", port: portOf(secure) };
    const right = await open({ target, scheme: "https", certificateFingerprint: fingerprint });
    assert.equal((await ask(right.url, { cookie: await enter(right.url) })).status, 200);
    const any = await open({ target, scheme: "https" });
    assert.equal((await ask(any.url, { cookie: await enter(any.url) })).status, 200);
    const wrong = await open({ target, scheme: "https", certificateFingerprint: "ab".repeat(32) });
    const refused = await ask(wrong.url, { cookie: await enter(wrong.url) });
    assert.deepEqual([refused.status, /another certificate/.test(refused.text)], [502, true]);
  });
});
