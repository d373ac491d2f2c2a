import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { clusterAvailability, startCluster, type TestCluster } from "../cluster/cluster.ts";
import { startKubelet, type Kubelet } from "../cluster/kubelet.ts";
import { startAgentProcess, type AgentProcess } from "../harness/agent-process.ts";
import { ApiProblem, type ApiClient } from "../harness/api-client.ts";
import { browserFault, openBrowser, type TestBrowser, type TestPage } from "../harness/browser.ts";
import { accessibilityFaults, overflowFaults, settle } from "../harness/console-visit.ts";
import { eventually } from "../harness/eventually.ts";
import { assign, createTemplate, createToken, deviceOnline } from "../harness/fleet.ts";
import { startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";

const patience = { timeoutMs: 60_000, intervalMs: 100 };
const files = [
  { path: "kustomization.yaml", content: "namespace: shop\nresources: [all.yaml]\n" },
  {
    path: "all.yaml",
    content: `apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - { name: main, image: "registry.example.com/web:1" }
        - { name: sidecar, image: "registry.example.com/side:1" }
`,
  },
];

describe("when somebody reads logs in the console", function () {
  this.timeout(240_000);
  let cluster: TestCluster;
  let kubelet: Kubelet;
  let platform: PlatformProcess;
  let agent: AgentProcess;
  let browser: TestBrowser;
  let opened: TestPage;
  let page: Page;
  let api: ApiClient;
  let id: string;
  let pod: string;

  const where = (container = "main", previous = false) => ({ namespace: "shop", pod, container, previous });
  const log = () => page.getByRole("log");
  const shows = (pattern: RegExp): Promise<void> =>
    eventually(async () => assert.match(await log().innerText(), pattern), patience);
  const foot = (text: RegExp): Promise<void> => page.getByText(text).first().waitFor();

  async function signIn(on: Page): Promise<void> {
    await on.goto("/");
    await on.locator("#username").fill("admin");
    await on.locator("#password").fill("correct horse battery staple");
    await on.getByRole("button", { name: "Sign in" }).click();
    await on.getByRole("heading", { level: 1 }).waitFor();
  }

  before(async function () {
    const available = await clusterAvailability();
    const fault = available.available ? browserFault() : `${available.reason}; ${available.remedy}`;
    if (fault !== undefined) {
      console.log(`    skipped: ${fault}`);
      return this.skip();
    }
    [cluster, platform, browser] = await Promise.all([startCluster(), startPlatformProcess(), openBrowser()]);
    kubelet = await startKubelet(cluster);
    api = await platform.api();
    agent = startAgentProcess({
      platform,
      token: await createToken(api),
      name: "logged",
      kubeconfig: cluster.kubeconfigPath,
    });
    ({ id } = await deviceOnline(api, "logged"));
    await assign(api, id, await createTemplate(api, "shop", files));
    pod = await eventually(async () => {
      const text = await cluster.kubectl(["-n", "shop", "get", "pods", "-o", "name"]);
      assert.match(text, /^pod\/web-/);
      return text.trim().replace("pod/", "");
    }, patience);
    await kubelet.run("shop", pod);
    await cluster.kubectl(
      ["apply", "-f", "-"],
      "apiVersion: v1\nkind: Pod\nmetadata: { name: by-hand }\nspec: { containers: [{ name: main, image: web }] }\n",
    );
    await kubelet.log(where(), [
      "<img src=x onerror=alert(1)> \u001b[31mred\u001b[0m \u202ereversed",
      "first line",
    ]);
    await kubelet.log(where("sidecar"), ["from the sidecar"]);
    await kubelet.log(where("main", true), ["before the crash"]);
    opened = await browser.openPage({ baseUrl: platform.consoleUrl });
    ({ page } = opened);
    page.setDefaultTimeout(30_000);
    await signIn(page);
  });
  after(async () => {
    await browser?.close();
    await Promise.all([agent?.stop(), platform?.stop()]);
    await kubelet?.stop();
    await cluster?.stop();
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed" && page !== undefined)
      await page.screenshot({ path: join(tmpdir(), `logs-${this.currentTest.title.slice(0, 30)}.png`) });
    assert.deepEqual(opened?.faults ?? [], []);
  });

  it("shows first what the platform has the device run, live, and as text whatever it is", async () => {
    await page.goto(`/devices/${id}/logs`);
    await settle(page);
    assert.equal(await page.getByLabel("Pod", { exact: true }).inputValue(), `shop/${pod}`);
    const groups = await page
      .locator("#logs-pod optgroup")
      .evaluateAll((all) => all.map((group) => (group as unknown as { label: string }).label));
    assert.deepEqual(groups, ["Deployment web · shop", "Not from the platform · default"]);
    await shows(/<img src=x onerror=alert\(1\)> red reversed\s+first line/);
    await kubelet.log(where(), ["comes later"]);
    await shows(/first line\s+comes later/);
    assert.deepEqual(await accessibilityFaults(page), []);
  });

  it("reads other containers, the one before the restart, with times, and so much of it", async () => {
    await page.getByLabel("Container", { exact: true }).selectOption("sidecar");
    await shows(/from the sidecar/);
    await page.getByLabel("Container", { exact: true }).selectOption("main");
    await page.getByText("Times").click();
    await shows(/\d{4}-\d\d-\d\dT[\d:.]+Z first line/);
    await page.getByText("Before the last restart").click();
    await shows(/before the crash/);
    await foot(/That is all/);
    await page.getByText("Before the last restart").click();
    await page.getByText("Times").click();
    await shows(/first line/);
    assert.match(page.url(), /\/logs\?/);
  });

  it("marks what is searched for, and has the device send only lines that hold it", async () => {
    await kubelet.log(
      where(),
      Array.from({ length: 300 }, (_line, at) => `request ${at} ${at % 50 === 0 ? "FAILED" : "ok"}`),
    );
    await shows(/request 299/);
    await page.getByLabel("Search in these lines").fill("failed");
    await page.locator(".pf-v6-c-badge", { hasText: "6 lines" }).waitFor();
    await log().evaluate((box) => ((box as unknown as { scrollTop: number }).scrollTop = 0));
    await eventually(async () => assert.ok((await log().locator("mark").count()) > 0), patience);
    await page.getByRole("button", { name: "Only matching lines" }).click();
    await page.getByText('The device sends only lines with "failed"').waitFor();
    await eventually(async () => {
      const lines = (await log().innerText()).trim().split("\n");
      assert.ok(lines.length === 6 && lines.every((line) => line.includes("FAILED")), lines.join());
    }, patience);
    await page.getByRole("button", { name: "Read all lines" }).click();
    await page.getByLabel("Search in these lines").fill("");
    await shows(/request 299 ok/);
  });

  it("stays usable with a hundred thousand lines", async () => {
    const many = Array.from({ length: 110_000 }, (_line, at) => `bulk ${at} ${"x".repeat(60)}`);
    await kubelet.log(where("sidecar"), many);
    await page.getByLabel("Container", { exact: true }).selectOption("sidecar");
    await page.getByLabel("How far back").selectOption("all");
    await foot(/100,000 lines, 10,001 older ones dropped/);
    await shows(/bulk 109999/);
    assert.ok((await log().locator(".rciots-log-line").count()) < 500);
    const began = performance.now();
    await page.getByLabel("Search in these lines").fill("bulk 50000 ");
    await page.locator(".pf-v6-c-badge", { hasText: "1 lines" }).waitFor();
    await log().evaluate((box) => ((box as unknown as { scrollTop: number }).scrollTop = 0));
    await shows(/bulk 10000 /);
    const tookMs = performance.now() - began;
    assert.ok(tookMs < 10_000, `${Math.round(tookMs)} ms`);
    await page.getByRole("button", { name: "Go to the end" }).click();
    await shows(/bulk 109999/);
    const downloading = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download" }).click();
    const path = await (await downloading).path();
    assert.equal(readFileSync(path, "utf8").trimEnd().split("\n").length, 100_000);
  });

  it("fits a phone, and the dark", async () => {
    const dark = await browser.openPage({
      baseUrl: platform.consoleUrl,
      theme: "dark",
      width: 390,
      height: 800,
    });
    try {
      await signIn(dark.page);
      await dark.page.goto(`/devices/${id}/logs`);
      await settle(dark.page);
      await dark.page.getByRole("log").waitFor();
      assert.deepEqual(await overflowFaults(dark.page), []);
      assert.deepEqual(await accessibilityFaults(dark.page), []);
      await dark.page.screenshot({ path: join(tmpdir(), "logs-phone.png") });
    } finally {
      await dark.close();
    }
  });

  it("says so in the API server's words where there is nothing to read", async () => {
    await page.goto(`/devices/${id}/logs?pod=default/by-hand`);
    await page.getByText("Nothing was printed.").waitFor();
    await page.goto(`/devices/${id}/logs?pod=shop/${pod}&container=sidecar&previous=true`);
    await page.getByText("The log could not be read").waitFor();
    await page.getByRole("button", { name: "Read again" }).waitFor();
    const viewer = await api.post<{ token: string }>("/api-tokens", { name: "reader", scopes: ["read"] });
    await assert.rejects(
      platform.apiWith(viewer.token).get(`/devices/${id}/pods`),
      (error) => error instanceof ApiProblem && error.status === 403,
    );
  });
});
