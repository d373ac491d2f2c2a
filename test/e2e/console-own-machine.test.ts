import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { startAgentProcess, type AgentProcess } from "../harness/agent-process.ts";
import type { ApiClient } from "../harness/api-client.ts";
import { browserFault, openBrowser, type TestBrowser, type TestPage } from "../harness/browser.ts";
import { accessibilityFaults, overflowFaults, settle, signIn } from "../harness/console-visit.ts";
import { eventually } from "../harness/eventually.ts";
import { createToken, deviceOnline } from "../harness/fleet.ts";
import { freePortRange, startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";
import { startTlsFront, type TlsFront } from "../harness/tls-front.ts";

const nobody = { viewer: "none", operator: "none", admin: "none", owner: "none" };

describe("when somebody goes on from their own machine", function () {
  this.timeout(180_000);
  let platform: PlatformProcess;
  let front: TlsFront;
  let agent: AgentProcess;
  let closed: AgentProcess;
  let browser: TestBrowser;
  let opened: TestPage;
  let page: Page;
  let api: ApiClient;
  const ids: Record<string, string> = {};

  before(async function () {
    const fault = browserFault();
    if (fault !== undefined) {
      console.log(`    skipped: ${fault}`);
      return this.skip();
    }
    const first = await freePortRange(401);
    platform = await startPlatformProcess({
      env: {
        RCIOTS_TUNNEL_PORTS: `${first}-${first + 400}`,
        RCIOTS_PROXY_DOMAIN: "apps.localhost",
      },
    });
    front = await startTlsFront(platform.consoleUrl);
    await platform.kill();
    await platform.restart({ RCIOTS_CONSOLE_URL: front.url });
    api = await platform.api();
    const token = await createToken(api);
    agent = startAgentProcess({
      platform,
      token,
      name: "till-7",
      env: { RCIOTS_COMMANDS: "host", RCIOTS_CLUSTER_API: "view" },
    });
    closed = startAgentProcess({ platform, token, name: "closed", env: { RCIOTS_TUNNEL_ALLOW: "none" } });
    for (const name of ["till-7", "closed"]) ids[name] = (await deviceOnline(api, name)).id;
    browser = await openBrowser();
    opened = await browser.openPage({ baseUrl: front.url, trustsAll: true });
    ({ page } = opened);
    page.setDefaultTimeout(30_000);
    await signIn(page, "admin", "correct horse battery staple");
  });
  after(async () => {
    await browser?.close();
    await Promise.all([agent?.stop(), closed?.stop()]);
    await front?.stop();
    await platform?.stop();
  });
  afterEach(() => assert.deepEqual(opened?.faults ?? [], []));

  const open = async (device: string, tab: string): Promise<void> => {
    await page.goto(`/devices/${ids[device]}/${tab}`);
    await settle(page);
  };
  const commands = async (): Promise<string[]> =>
    page
      .getByLabel(/^Command: /)
      .evaluateAll((all) => all.map((one) => (one as unknown as { value: string }).value));

  it("is shown how to use kubectl once organisation and device let them, and till then why not", async () => {
    await open("till-7", "overview");
    const card = page.locator(".pf-v6-c-card").filter({ hasText: "Use kubectl" });
    await card.getByText("Nobody of your role").waitFor();
    assert.deepEqual(await commands(), []);
    await api.put("/organization/remote-access", {
      clusterApi: { ...nobody, owner: "view" },
      terminal: null,
    });
    // The page hears of it by itself.
    await card.getByText("Once: add the device").waitFor();
    await card.getByRole("button", { name: "Without the rciots command" }).click();
    assert.deepEqual(await commands(), [
      `rciots login ${front.url}`,
      "rciots kubeconfig till-7",
      "kubectl --context till-7 get pods",
      `kubectl --server ${front.url}/api/v1/devices/${ids["till-7"]}/cluster --token "$RCIOTS_TOKEN" get pods`,
    ]);
    assert.deepEqual(await accessibilityFaults(page), []);
    await page.setViewportSize({ width: 390, height: 844 });
    assert.deepEqual(await overflowFaults(page), []);
    await page.setViewportSize({ width: 1440, height: 900 });
    await open("closed", "overview");
    await page.getByText("The device lets nobody at its cluster").waitFor();
  });

  it("is shown how to connect and to run commands, or why the device takes none", async () => {
    await open("till-7", "tunnels");
    assert.ok((await commands()).includes("rciots connect till-7 22 --local 2222"));
    assert.deepEqual(await accessibilityFaults(page), []);
    await open("till-7", "commands");
    assert.ok((await commands()).includes("rciots run till-7 -- uptime"));
    await api.put(`/devices/${ids["till-7"]}/command-settings`, { enabled: false });
    await page.getByText("Commands are switched off on this device.").waitFor();
    await api.put(`/devices/${ids["till-7"]}/command-settings`, { enabled: true });
    await open("closed", "tunnels");
    await page.getByText("The device allows no tunnels").waitFor();
    await open("closed", "commands");
    await page.getByText("The device takes no commands").waitFor();
  });

  it("finds all tunnels of both kinds, page by page, the newest first", async () => {
    const [device, target] = [ids["till-7"], { host: "127.0.0.1", port: 22 }];
    for (let count = 0; count < 70; count += 1) {
      const name = `way-${count}`;
      await api.post(`/devices/${device}/tunnels`, { name, target });
      if (count % 10 === 0)
        await api.post(`/devices/${device}/web-tunnels`, { name: `web-${count}`, target, scheme: "http" });
    }
    const rows = page.getByRole("grid", { name: "Tunnels" }).locator("tbody tr");
    const all = Array.from({ length: 70 }, (_value, index) => 69 - index).flatMap((count) =>
      count % 10 === 0 ? [`web-${count}`, `way-${count}`] : [`way-${count}`],
    );
    for (const path of ["/tunnels", `/devices/${device}/tunnels`]) {
      await page.goto(path);
      await settle(page);
      const names = async (): Promise<string[]> =>
        (await rows.locator("td:first-child").allInnerTexts()).map((text) => text.split("\n").at(-1) ?? "");
      const shown = await names();
      assert.ok(shown.length < all.length);
      assert.deepEqual(shown, all.slice(0, shown.length));
      await page.getByRole("button", { name: "Show more" }).click();
      await eventually(async () => assert.deepEqual(await names(), all));
      assert.equal(await page.getByRole("button", { name: "Show more" }).count(), 0);
    }
    const [newest] = (await api.get(`/devices/${device}/tunnels?limit=1`)).items as { id: string }[];
    await api.delete(`/devices/${device}/tunnels/${newest?.id}`);
    await rows.filter({ hasText: "way-69" }).waitFor({ state: "detached" });
  });
});
