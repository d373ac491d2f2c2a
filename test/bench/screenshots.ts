import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { logIn, type ApiClient } from "../harness/api-client.ts";
import { openBrowser, type TestPage } from "../harness/browser.ts";
import { consolePages, type ConsolePage } from "../harness/console-pages.ts";
import { settle, signIn, tabsOf, visit } from "../harness/console-visit.ts";
import { eventually } from "../harness/eventually.ts";
import { freePorts, startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";
import { demoDevices, demoTemplates } from "./demo-content.ts";
import { rootOf } from "./platform.ts";
import { showRemoteWork, startRemoteWork, type RemoteWork } from "./remote-work.ts";
import { startSimulator, type Simulator } from "./simulator.ts";
import { shrinkPng } from "./small-png.ts";

const password = "demonstration only";
const devices = 24;
const folder = join(process.cwd(), "docs/screenshots");
const gallery = join(process.cwd(), "docs/screenshots.md");
/** What a clone of the repository carries along. */
const budgetBytes = 6 * 1_048_576;
const phonePages = ["/", "/devices", "/devices/:id", "/templates", "/reference/:operationId?"];

const say = (message: string): void => void process.stderr.write(`> ${message}\n`);

interface Picture {
  title: string;
  file: string;
}

/** One of everything that a person makes by hand. */
async function fill(api: ApiClient): Promise<string> {
  await api.patch("/organization", { name: "Example Stores" });
  const templateIds: string[] = [];
  for (const template of demoTemplates)
    templateIds.push((await api.post<{ id: string }>("/templates", template)).id);
  await api.put("/secrets/REGISTRY_PASSWORD", { value: "only an example" });
  await api.put("/secrets/PAYMENT_KEY", { value: "only an example" });
  await api.post("/git-credentials", {
    name: "store repository",
    credential: { kind: "basic", username: "git", password: "only an example" },
  });
  await api.post("/api-tokens", { name: "continuous integration", scopes: ["write"] });
  for (const [username, role] of [
    ["ada", "admin"],
    ["grace", "operator"],
    ["linus", "viewer"],
  ])
    await api.post("/members", { username, email: `${username}@example.com`, password, role });
  await api.post("/provisioning-tokens", { name: "new shops", approval: "manual", maxDevices: 20 });
  const { token } = await api.post<{ token: string }>("/provisioning-tokens", {
    name: "simulated devices",
    approval: "automatic",
    labels: { simulated: "true" },
    templateIds,
  });
  return token;
}

async function startDevices(platform: PlatformProcess, api: ApiClient, token: string): Promise<Simulator> {
  const simulator = await startSimulator({
    platformUrl: platform.enrollUrl,
    trust: { kind: "ca", pem: await rootOf(platform.enrollUrl, platform.caFingerprint) },
    token,
    devices: demoDevices(devices),
  });
  await simulator.enroll({ concurrency: 4 });
  await simulator.connect({ concurrency: 8 });
  await eventually(
    async () => {
      const { byState } = await api.get<{ byState: Record<string, number> }>("/devices/summary");
      if ((byState["healthy"] ?? 0) < devices / 2) throw new Error(`Not yet: ${JSON.stringify(byState)}`);
    },
    { timeoutMs: 180_000, intervalMs: 1_000 },
  );
  return simulator;
}

const slug = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");

const nameOf = ({ route, path }: ConsolePage): string =>
  slug(route.includes(":operationId") ? path : route.replace(/:(\w+)\?/, "")) || "overview";

async function take(page: TestPage, name: string): Promise<string> {
  const file = `${name}.png`;
  writeFileSync(join(folder, file), shrinkPng(await page.page.screenshot()));
  return file;
}

/** Every page, and every tab of it but the first, which is there already. */
async function takeAll(opened: TestPage, pages: ConsolePage[], suffix: string): Promise<Picture[]> {
  const pictures: Picture[] = [];
  for (const page of pages) {
    await visit(opened.page, page.path);
    const title = (await opened.page.title()).replace(" · RCIoTS", "");
    const name = nameOf(page);
    pictures.push({ title, file: await take(opened, `${name}-${suffix}`) });
    for (const [index, tab] of (await tabsOf(opened.page)).entries()) {
      if (index === 0) continue;
      await opened.page.locator("#main [role=tab]").nth(index).click();
      await settle(opened.page);
      pictures.push({
        title: `${title}: ${tab}`,
        file: await take(opened, `${name}-${slug(tab)}-${suffix}`),
      });
    }
  }
  return pictures;
}

/** The tabs of a device that people work on from afar. */
async function takeRemote(opened: TestPage, work: RemoteWork, suffix: string): Promise<Picture[]> {
  const pictures: Picture[] = [];
  await showRemoteWork(opened, work, async (tab) => {
    const title = `${work.deviceName}: ${tab.charAt(0).toUpperCase()}${tab.slice(1)}`;
    pictures.push({ title, file: await take(opened, `remote-${tab}-${suffix}`) });
  });
  return pictures;
}

function writeGallery(sections: [string, Picture[]][]): void {
  const parts = sections.map(([title, pictures]) => {
    const shown = pictures.map(
      (picture) => `### ${picture.title}\n\n![${picture.title}](screenshots/${picture.file})`,
    );
    return `## ${title}\n\n${shown.join("\n\n")}`;
  });
  const about =
    "Every page of the console, as `npm run screenshots` takes them of a platform with simulated devices and one real one.";
  writeFileSync(gallery, `# Screenshots\n\n${about}\n\n${parts.join("\n\n")}\n`);
}

async function run(platform: PlatformProcess): Promise<void> {
  const api = await logIn(platform.consoleUrl, "admin", password);
  const token = await fill(api);
  // Before the simulated ones: the newest device is the one that is shown.
  const work = await startRemoteWork(platform, api);
  const simulator = await startDevices(platform, api, token);
  const browser = await openBrowser();
  try {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const pages = (await consolePages(api)).filter(({ route }) => route !== "*");
    const signOut = await browser.openPage({ baseUrl: platform.consoleUrl });
    await visit(signOut.page, "/");
    const signInPicture = { title: "Sign in", file: await take(signOut, "sign-in-light") };
    await signOut.close();
    const sections: [string, Picture[]][] = [];
    for (const [title, theme, width, height] of [
      ["Light", "light", 1440, 900],
      ["Dark", "dark", 1440, 900],
      ["On a phone", "light", 390, 844],
    ] as const) {
      say(`${title} ...`);
      const opened = await browser.openPage({ baseUrl: platform.consoleUrl, theme, width, height });
      await signIn(opened.page, "admin", password);
      const isPhone = width < 500;
      const chosen = isPhone ? pages.filter(({ route }) => phonePages.includes(route)) : pages;
      const suffix = isPhone ? "phone" : theme;
      const pictures = await takeAll(opened, chosen, suffix);
      pictures.push(...(await takeRemote(opened, work, suffix)));
      sections.push([title, theme === "light" && !isPhone ? [signInPicture, ...pictures] : pictures]);
      for (const fault of opened.faults) say(`  ${fault}`);
      await opened.close();
    }
    writeGallery(sections);
  } finally {
    await browser.close();
    await work.stop();
    await simulator.kill();
  }
}

say("Starting a platform with simulated devices ...");
const [tunnelPort = 0] = await freePorts(1);
const platform = await startPlatformProcess({
  env: {
    RCIOTS_ADMIN_PASSWORD: password,
    RCIOTS_TUNNEL_PORTS: String(tunnelPort),
    RCIOTS_PROXY_DOMAIN: "apps.localhost",
  },
});
try {
  await run(platform);
} finally {
  await platform.stop();
}
const sizes = readdirSync(folder).map((file) => statSync(join(folder, file)).size);
const total = sizes.reduce((sum, size) => sum + size, 0);
say(`${sizes.length} pictures, ${(total / 1_048_576).toFixed(1)} MiB.`);
if (total > budgetBytes) throw new Error(`The pictures take more than ${budgetBytes / 1_048_576} MiB.`);
