import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { clusterAvailability, startCluster, type TestCluster } from "../cluster/cluster.ts";
import { startAgentProcess, type AgentProcess } from "../harness/agent-process.ts";
import type { ApiClient } from "../harness/api-client.ts";
import { browserFault, openBrowser, type TestBrowser, type TestPage } from "../harness/browser.ts";
import { createTemplate, createToken, deviceOnline, deviceSettled } from "../harness/fleet.ts";
import { startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";
import { keepFromCorrecting } from "./hand-edit.ts";

const filesOf = (text: string) => [
  { path: "kustomization.yaml", content: "resources: [all.yaml]\n" },
  {
    path: "all.yaml",
    content: `apiVersion: v1
kind: Namespace
metadata: { name: kiosk }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: greeting, namespace: kiosk }
data: { text: ${text} }
`,
  },
];

describe("when somebody looks after a device in the console", function () {
  this.timeout(180_000);
  let cluster: TestCluster;
  let platform: PlatformProcess;
  let agent: AgentProcess;
  let browser: TestBrowser;
  let opened: TestPage;
  let page: Page;
  let api: ApiClient;
  let id: string;
  let templateId: string;

  async function signIn(): Promise<void> {
    await page.goto("/");
    await page.locator("#username").fill("admin");
    await page.locator("#password").fill("correct horse battery staple");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { level: 1 }).waitFor();
  }
  const open = async (tab: string): Promise<void> => {
    await page.goto(`/devices/${id}/${tab}`);
    await page.getByRole("heading", { level: 1, name: "kiosk-1" }).waitFor();
  };
  const labels = () => page.getByRole("status").filter({ hasText: /Online|Offline/ });

  before(async function () {
    const available = await clusterAvailability();
    const fault = available.available ? browserFault() : `${available.reason}; ${available.remedy}`;
    if (fault !== undefined) {
      console.log(`    skipped: ${fault}`);
      return this.skip();
    }
    [cluster, platform, browser] = await Promise.all([startCluster(), startPlatformProcess(), openBrowser()]);
    api = await platform.api();
    const token = await createToken(api);
    agent = startAgentProcess({ platform, token, name: "kiosk-1", kubeconfig: cluster.kubeconfigPath });
    ({ id } = await deviceOnline(api, "kiosk-1"));
    templateId = await createTemplate(api, "greeter", filesOf("hello"));
    opened = await browser.openPage({ baseUrl: platform.consoleUrl });
    ({ page } = opened);
    page.setDefaultTimeout(30_000);
    await signIn();
  });
  after(async () => {
    await browser?.close();
    await Promise.all([agent?.stop(), platform?.stop()]);
    await cluster?.stop();
  });
  afterEach(() => assert.deepEqual(opened.faults, []));

  it("assigns a template, and shows the device become healthy without a reload", async () => {
    await open("overview");
    await page.getByRole("button", { name: "Add" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("combobox", { name: "Template" }).selectOption({ label: "greeter" });
    await dialog.getByRole("button", { name: "Save" }).click();
    await labels().getByText("Healthy").waitFor();
    await page.getByRole("heading", { level: 2, name: "Revision 1" }).waitFor();
    await page.getByRole("listitem").filter({ hasText: "2 healthy" }).waitFor();
  });

  it("says in the fleet's recent events which device they are of", async () => {
    await page.goto("/");
    const event = page.getByRole("listitem").filter({ hasText: "Revision 1 is healthy." });
    await event.getByText("kiosk-1, ").waitFor();
  });

  it("shows in the diff what was edited by hand", async () => {
    const allow = await keepFromCorrecting(cluster, {
      namespace: "kiosk",
      name: "greeting",
      text: "by hand",
    });
    const patch = '{"data":{"text":"by hand"}}';
    await cluster.kubectl(["-n", "kiosk", "patch", "configmap", "greeting", "--type=merge", "-p", patch]);
    await open("diff");
    await page.getByRole("button", { name: "Compare now" }).click();
    await page.getByRole("gridcell", { name: "greeting" }).waitFor();
    const sides = page.locator(".cm-content");
    await sides.first().waitFor();
    assert.match(await sides.first().innerText(), /text: by hand/);
    assert.match(await sides.last().innerText(), /text: hello/);
    await allow();
    await deviceSettled(api, id);
  });

  it("rolls back to an earlier revision, and says that it is held there", async () => {
    await api.patch(`/templates/${templateId}`, { files: filesOf("goodbye") });
    await deviceSettled(api, id, { afterRevision: 1 });
    await open("history");
    const first = page
      .getByRole("row")
      .filter({ has: page.getByRole("gridcell", { name: "1", exact: true }) })
      .last();
    await first.getByRole("button", { name: "Kebab toggle" }).click();
    await page.getByRole("menuitem", { name: "Roll back to it" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Roll back" }).click();
    await page.getByText("Held at the content of revision 1").waitFor();
    await deviceSettled(api, id, { afterRevision: 2 });
    const text = await cluster.kubectl([
      "-n",
      "kiosk",
      "get",
      "configmap",
      "greeting",
      "-o",
      "jsonpath={.data.text}",
    ]);
    assert.equal(text, "hello");
  });

  it("keeps what was typed when somebody else was faster, says who and what, and saves it all the same", async () => {
    await open("configuration");
    await page.getByRole("button", { name: "Add variable" }).click();
    await page.getByLabel("Name of variable").fill("PLACE");
    await page.getByLabel("Value of variable PLACE").fill("Berlin");
    await api.patch(`/devices/${id}/labels`, { site: "paris" });
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("kiosk-1 was changed while you were at it").waitFor();
    await page.getByText(/By admin.*Changed: labels/).waitFor();
    assert.equal(await page.getByLabel("Value of variable PLACE").inputValue(), "Berlin");
    await page.getByRole("button", { name: "Save mine all the same" }).click();
    await page.getByText("The variables of kiosk-1 were saved").first().waitFor();
    const device = await api.get<{ variables: object; labels: object }>(`/devices/${id}`);
    assert.deepEqual([device.variables, device.labels], [{ PLACE: "Berlin" }, { site: "paris" }]);
  });

  it("shows within moments that somebody else disabled it", async () => {
    await open("overview");
    await labels().getByText("Online").waitFor();
    await api.post(`/devices/${id}/disable`);
    const from = performance.now();
    await labels().getByText("Disabled").waitFor();
    await labels().getByText("Offline").waitFor();
    const tookMs = performance.now() - from;
    // The session is cut within a second; a page reads anew at most once a second.
    assert.ok(tookMs < 3_000, `it took ${Math.round(tookMs)} ms`);
  });
});
