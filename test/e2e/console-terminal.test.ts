import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { clusterAvailability, startCluster, type TestCluster } from "../cluster/cluster.ts";
import { startKubelet, type Kubelet } from "../cluster/kubelet.ts";
import { startAgentProcess, type AgentProcess } from "../harness/agent-process.ts";
import type { ApiClient } from "../harness/api-client.ts";
import { browserFault, openBrowser, type TestBrowser, type TestPage } from "../harness/browser.ts";
import { accessibilityFaults, overflowFaults, settle } from "../harness/console-visit.ts";
import { eventually } from "../harness/eventually.ts";
import { createToken, deviceOnline } from "../harness/fleet.ts";
import { startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";

const nobody = { viewer: "none", operator: "none", admin: "none", owner: "none" };
const patience = { timeoutMs: 60_000, intervalMs: 100 };

describe("when somebody opens a terminal in the console", function () {
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
  let dir: string;
  let count = 0;

  const screen = (): Promise<string> => page.locator(".xterm-rows").innerText();
  const shows = (pattern: RegExp): Promise<void> =>
    eventually(async () => assert.match((await screen()).replaceAll("\u00a0", " "), pattern), patience);
  const allow = (terminal: string | null) =>
    api.put("/organization/remote-access", { clusterApi: nobody, terminal });
  const events = async (kind: string) =>
    (
      await api.get<{ items: { kind: string; details: Record<string, unknown> }[] }>(
        `/devices/${id}/events?limit=100`,
      )
    ).items.filter((event) => event.kind === kind);

  async function signIn(): Promise<void> {
    await page.goto("/");
    await page.locator("#username").fill("admin");
    await page.locator("#password").fill("correct horse battery staple");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { level: 1 }).waitFor();
  }

  /** A prompt of our own, so that a test knows when the shell is ready. */
  async function openTerminal(query = ""): Promise<string> {
    await page.goto(`/devices/${id}/terminal${query}`);
    await settle(page);
    await page.getByRole("button", { name: "Open terminal" }).first().click();
    const prompt = `ready${++count}>`;
    await page.locator(".xterm-helper-textarea").waitFor();
    await shows(/\S/);
    await page.keyboard.type(`PS1='ready'${count}'>'; cd ${dir}; clear\n`);
    await shows(new RegExp(`^\\s*${prompt}`, "m"));
    return prompt;
  }

  before(async function () {
    const available = await clusterAvailability();
    const fault = available.available ? browserFault() : `${available.reason}; ${available.remedy}`;
    if (fault !== undefined) {
      console.log(`    skipped: ${fault}`);
      return this.skip();
    }
    dir = mkdtempSync(join(tmpdir(), "rciots-shell-"));
    [cluster, platform, browser] = await Promise.all([startCluster(), startPlatformProcess(), openBrowser()]);
    kubelet = await startKubelet(cluster);
    await cluster.kubectl(
      ["apply", "-f", "-"],
      "apiVersion: v1\nkind: Pod\nmetadata: { name: web }\nspec: { containers: [{ name: main, image: web }] }\n",
    );
    await kubelet.run("default", "web");
    api = await platform.api();
    agent = startAgentProcess({
      platform,
      token: await createToken(api),
      name: "shelled",
      kubeconfig: cluster.kubeconfigPath,
      env: { RCIOTS_TERMINAL: "any", RCIOTS_TERMINAL_SHELL: "/bin/sh" },
    });
    ({ id } = await deviceOnline(api, "shelled"));
    opened = await browser.openPage({ baseUrl: platform.consoleUrl });
    ({ page } = opened);
    page.setDefaultTimeout(30_000);
    await signIn();
  });
  after(async () => {
    await browser?.close();
    await Promise.all([agent?.stop(), platform?.stop()]);
    await kubelet?.stop();
    await cluster?.stop();
    if (dir !== undefined) rmSync(dir, { recursive: true, force: true });
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed" && page !== undefined) {
      await page.screenshot({ path: join(tmpdir(), `terminal-${this.currentTest.title.slice(0, 30)}.png`) });
      console.log(agent.process().output().slice(-2_000));
    }
  });

  it("says that terminals are off until an owner turns them on", async () => {
    await page.goto(`/devices/${id}/terminal`);
    await page.getByText("Terminals are switched off").waitFor();
    await page.getByRole("link", { name: "Settings, Remote access" }).click();
    await page.getByLabel("Who opens terminals").selectOption("admin");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Remote access was saved").waitFor();
    assert.deepEqual(await accessibilityFaults(page), []);
  });

  it("runs a shell of the device, with its size, colours and letters", async () => {
    const prompt = await openTerminal();
    await page.keyboard.type(
      "stty size; printf '\\033[38;2;255;0;0mtrue\\033[0m \\033[1;32mgreen\\033[0m\\n'\n",
    );
    await shows(/\d+ \d+\s+true green/);
    const colour = await page.evaluate<string>(
      `getComputedStyle([...document.querySelectorAll(".xterm-rows span")].find((span) => span.textContent.trim() === "true")).color`,
    );
    assert.match(colour, /^rgb\(2\d\d, /);
    await page.keyboard.insertText("printf '%s' 'grüße 漢字' > letters");
    await page.keyboard.press("Enter");
    await eventually(() => assert.equal(readFileSync(join(dir, "letters"), "utf8"), "grüße 漢字"), patience);
    await page.keyboard.type("env | grep -c RCIOTS_\n");
    await shows(new RegExp(`RCIOTS_\\s+0\\s+${prompt}`));
    const before = /(\d+) (\d+)\s+true/.exec((await screen()).replaceAll("\u00a0", " "));
    await page.setViewportSize({ width: 900, height: 700 });
    await page.keyboard.type("clear; stty size\n");
    await eventually(async () => {
      const [, rows, columns] = /(\d+) (\d+)/.exec(await screen()) ?? [];
      assert.ok(Number(columns) < Number(before?.[2]) && Number(rows) > 0, `${rows} ${columns}`);
    }, patience);
    await page.setViewportSize({ width: 1440, height: 900 });
    assert.deepEqual(await accessibilityFaults(page), []);
    assert.deepEqual(opened.faults, []);
  });

  it("answers Ctrl-C while output floods", async () => {
    await openTerminal();
    await page.keyboard.type("yes flooding; echo after-$?\n");
    await shows(/flooding\s+flooding/);
    const began = performance.now();
    await page.keyboard.press("Control+c");
    await page.keyboard.type("echo stop''ped\n");
    await shows(/stopped/);
    const tookMs = performance.now() - began;
    assert.ok(tookMs < 15_000, `${Math.round(tookMs)} ms`);
  });

  it("asks before it pastes several lines, and loses none of a large paste", async () => {
    await openTerminal();
    await page.keyboard.type("cat > pasted\n");
    const text = Array.from({ length: 4_000 }, (_line, at) => `line ${at} of a large paste`).join("\n");
    await page.evaluate(`(() => {
      const clipboardData = new DataTransfer();
      clipboardData.setData("text/plain", ${JSON.stringify(text)});
      const event = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
      document.querySelector(".xterm-helper-textarea").dispatchEvent(event);
    })()`);
    await page.getByRole("dialog").getByText("Paste 4000 lines?").waitFor();
    await page.getByRole("button", { name: "Paste", exact: true }).click();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Control+d");
    await eventually(() => {
      const got = readFileSync(join(dir, "pasted"), "utf8");
      assert.equal(got.length, text.length + 1, `${got.length} of ${text.length}`);
      assert.equal(got.trimEnd(), text);
    }, patience);
  });

  it("takes the terminal up again after a gap, with all that was printed meanwhile", async () => {
    const prompt = await openTerminal();
    await page.keyboard.type("sh -c 'sleep 2; for n in 1 2 3 4 5; do echo tick-$n; sleep 1; done'\n");
    await platform.kill();
    await page.getByText("The connection is lost; what runs there goes on").waitFor();
    await platform.restart();
    await shows(/tick-1\s+tick-2\s+tick-3\s+tick-4\s+tick-5/);
    await eventually(
      async () => assert.equal(await page.getByText("The connection is lost").count(), 0),
      patience,
    );
    await shows(new RegExp(`tick-5\\s+${prompt}`));
    await page.keyboard.type("echo al''ive\n");
    await shows(/alive/);
    assert.equal((await screen()).match(/tick-3/g)?.length, 1);
    await eventually(async () => assert.ok((await events("terminal.resumed")).length > 0), patience);
    opened.faults.length = 0;
  });

  it("shows how it ended, and keeps a record without what was typed", async () => {
    await openTerminal();
    await page.keyboard.type("exit 3\n");
    await page.getByText("It ended with code 3.").waitFor();
    await eventually(async () => {
      const [closed] = await events("terminal.closed");
      assert.ok(Number(closed?.details["durationMs"]) > 0 && Number(closed?.details["receivedBytes"]) > 0);
    }, patience);
    assert.equal(JSON.stringify(await events("terminal.opened")).includes("exit 3"), false);
  });

  it("runs in a container too", async () => {
    await openTerminal("?pod=default/web");
    await page.keyboard.type("echo in-$CONTAINER\n");
    await shows(/in-main/);
    const [entered] = await events("terminal.opened");
    assert.deepEqual(entered?.details["pod"], { namespace: "default", name: "web", container: "main" });
  });

  it("fits a phone, and the dark", async () => {
    const dark = await browser.openPage({
      baseUrl: platform.consoleUrl,
      theme: "dark",
      width: 390,
      height: 800,
    });
    const light = page;
    try {
      page = dark.page;
      await signIn();
      await openTerminal();
      assert.deepEqual(await overflowFaults(page), []);
      assert.deepEqual(dark.faults, []);
    } finally {
      page = light;
      await dark.close();
    }
  });

  it("ends with the right to it", async () => {
    await openTerminal();
    writeFileSync(join(dir, "pid"), "");
    await page.keyboard.type("echo $$ > pid\n");
    await eventually(() => assert.notEqual(readFileSync(join(dir, "pid"), "utf8").trim(), ""), patience);
    const pid = Number(readFileSync(join(dir, "pid"), "utf8"));
    await allow(null);
    await page.getByText("Your organisation opens no terminals").waitFor();
    await eventually(() => assert.throws(() => process.kill(pid, 0)), patience);
    await allow("admin");
  });

  it("ends when the log-in is revoked, and nobody else gets at what it was", async () => {
    await openTerminal();
    await page.keyboard.type("echo $$ > pid\n");
    await eventually(() => assert.notEqual(readFileSync(join(dir, "pid"), "utf8").trim(), ""), patience);
    const pid = Number(readFileSync(join(dir, "pid"), "utf8"));
    const { items } = await api.get<{ items: { id: string; isCurrent?: boolean; current?: boolean }[] }>(
      "/me/sessions",
    );
    assert.ok(items.length >= 2);
    await api.request("DELETE", "/me/sessions");
    await eventually(() => assert.throws(() => process.kill(pid, 0)), patience);
    opened.faults.length = 0;
  });
});
