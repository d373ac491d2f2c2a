import { createMemoryIdentityStore } from "@rciots/agent";
import { silentLogger } from "@rciots/runtime";
import { createIdentityKeeper } from "../../agent/src/identity/identity-keeper.ts";
import { createPlatformClient } from "../../agent/src/identity/platform.client.ts";
import { createPlatformClock } from "../../agent/src/identity/platform-clock.ts";
import type { Session } from "../../agent/src/channel/session.ts";
import { rootOf } from "../bench/platform.ts";
import { createAppSession } from "../bench/raw-session.ts";
import type { ApiClient } from "./api-client.ts";
import { eventually } from "./eventually.ts";
import type { PlatformProcess } from "./platform-process.ts";

/** Set in a page by any of the texts below that is taken for more than a text. */
export const hitFlag = "rciotsHit";
const hit = `window.${hitFlag}=1`;

/** Texts that do something wherever they are not taken as texts, or that break a layout. */
export const hostileTexts = [
  `<script>${hit}</script>`,
  `"><img src=x onerror="${hit}">`,
  `'><svg onload='${hit}'>`,
  `javascript:${hit}`,
  `[see](javascript:${hit}) ![x](https://elsewhere.example/x.png)`,
  `{{constructor.constructor('${hit}')()}} \${${hit}} <%= ${hit} %>`,
  `<a href="https://elsewhere.example" style="position:fixed;inset:0">here</a>`,
  `\u202e\u2066gnp.exe\u200b`,
  "W".repeat(90),
] as const;

const text = (index: number, maxLength = 100): string =>
  (hostileTexts[index % hostileTexts.length] ?? "").slice(0, maxLength);
const all = hostileTexts.join(" ");

/** Texts that nobody but the platform's own API takes. */
async function fillByApi(api: ApiClient): Promise<string> {
  await api.patch("/organization", { name: text(1) });
  const files = (index: number) => [
    { path: "kustomization.yaml", content: "resources: [config.yaml]\n" },
    {
      path: "config.yaml",
      content: `# ${text(index)}\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\ndata: { text: ${JSON.stringify(all.replaceAll("${", () => "$${"))} }\n`,
    },
  ];
  const templates: string[] = [];
  for (const index of hostileTexts.keys()) {
    const body = { name: text(index), description: all, files: files(index) };
    templates.push((await api.post<{ id: string }>("/templates", body)).id);
  }
  for (const index of [0, 1, 5]) {
    await api.post("/git-credentials", {
      name: text(index),
      credential: { kind: "basic", username: text(index), password: "secret" },
    });
    await api.post("/api-tokens", { name: text(index), scopes: ["read"] });
    await api.post("/provisioning-tokens", { name: text(index + 1), approval: "manual" });
  }
  await api.put(`/secrets/${"S".repeat(128)}`, { value: text(0) });
  await api.post("/members", {
    username: "m".repeat(64),
    email: `${"m".repeat(60)}@example.com`,
    password: "correct horse battery staple",
    role: "viewer",
  });
  const { token } = await api.post<{ token: string }>("/provisioning-tokens", {
    name: text(0),
    approval: "automatic",
    labels: { [`k${"k".repeat(61)}`]: `v${"v".repeat(61)}` },
    templateIds: templates.slice(0, 1),
  });
  return token;
}

/** A command that writes whatever it likes, and escape sequences with it. */
async function writeHostileOutput(session: Session, id: string): Promise<void> {
  const escapes = `\u001b]0;${text(0)}\u0007\u001b[31m${text(1)}\u001b[0m\u001b]8;;javascript:${hit}\u001b\\x\u0000\r\n`;
  const lines = [...hostileTexts, escapes].map((line) => `${line}\n`);
  const pieces = lines.map((line, index) => ({
    stream: index % 2 === 0 ? ("stdout" as const) : ("stderr" as const),
    text: line,
  }));
  await session.call("command:output", { id, offset: 0, pieces });
  const finishedAt = new Date().toISOString();
  const outputBytes = Buffer.byteLength(lines.join(""));
  const end = {
    id,
    outcome: "failed" as const,
    message: all,
    outputBytes,
    startedAt: finishedAt,
    finishedAt,
  };
  await session.call("command:end", end);
}

/** Runs something of every hostile text, where a device takes it. */
async function runHostileCommands(api: ApiClient): Promise<void> {
  for (const index of [0, 1, 8])
    await api.post("/scripts", {
      name: text(index),
      description: all,
      text: all,
      parameters: [{ name: `P${"p".repeat(100)}`, description: text(index), defaultValue: text(index + 1) }],
    });
  const program = { kind: "script", interpreter: "sh", text: all, arguments: [text(1)] };
  const title = text(8);
  const { id } = await api.post<{ id: string }>("/commands", { selector: {}, program, title });
  await eventually(async () => {
    const { state } = await api.get<{ state: string }>(`/commands/${id}`);
    if (state !== "finished") throw new Error(`The run is ${state}.`);
  });
}

/** Tunnels of every name, by a port and in the browser, as long as the platform has them. */
async function openHostileTunnels(api: ApiClient): Promise<void> {
  const { items } = await api.get<{ items: { id: string }[] }>("/devices?status=active");
  const target = { host: "h".repeat(253), port: 65_535 };
  for (const { id } of items)
    for (const index of [0, 1, 8]) {
      await api.post(`/devices/${id}/tunnels`, { name: text(index), target, protocol: "ssh" });
      await api.post(`/devices/${id}/web-tunnels`, { name: text(index), target });
    }
}

/** A device that enrols by the real way, and says of itself whatever it likes. */
async function connectHostileDevice(
  platform: PlatformProcess,
  token: string,
  name: string,
): Promise<Session> {
  const identityStore = createMemoryIdentityStore();
  const facts = {
    hostname: text(0),
    os: text(1),
    kernel: text(2),
    architecture: text(3),
    addresses: [text(4), text(8)],
    agentVersion: text(5),
    clusterKind: text(6),
    clusterVersion: all.slice(0, 250),
  };
  const trust = { kind: "ca" as const, pem: await rootOf(platform.enrollUrl, platform.caFingerprint) };
  const keeper = createIdentityKeeper({
    store: identityStore,
    client: createPlatformClient({
      platformUrl: platform.enrollUrl,
      trust,
      clock: createPlatformClock(),
    }),
    name,
    labels: {},
    facts: async () => facts,
    provisioningToken: token,
    logger: silentLogger,
  });
  await keeper.obtain(new AbortController().signal);
  const identity = (await identityStore.load())?.identity;
  if (identity === undefined) throw new Error("The device got no identity.");
  const session: Session = await createAppSession(identity, {
    resume: false,
    capabilities: ["commands"],
    handlers: {
      "command:start": ({ id }) => {
        void writeHostileOutput(session, id);
        return { isNew: true };
      },
    },
  });
  await session.call("facts:report", { facts });
  const desired = await eventually(async () => {
    const found = await session.call("desired:get", {});
    if (found.kind !== "bundle") throw new Error("The device has nothing to run.");
    return found;
  });
  await session.call("status:report", {
    revision: desired.revision,
    digest: desired.digest,
    state: "failed",
    message: all,
    counts: { Failed: hostileTexts.length },
    objects: hostileTexts.map((message, index) => ({
      apiVersion: text(index, 60),
      kind: text(index, 60),
      namespace: text(index + 1, 60),
      name: text(index + 2),
      health: "Failed" as const,
      applied: "failed" as const,
      message,
    })),
  });
  return session;
}

/** Fills a platform with hostile texts in every place where somebody else's text gets in; ends with `stop`. */
export async function fillWithHostileContent(
  platform: PlatformProcess,
  api: ApiClient,
): Promise<{ stop: () => Promise<void> }> {
  const token = await fillByApi(api);
  const sessions = [
    await connectHostileDevice(platform, token, "plain"),
    await connectHostileDevice(platform, token, "d".repeat(63)),
  ];
  await runHostileCommands(api);
  await openHostileTunnels(api);
  return {
    async stop() {
      for (const session of sessions) session.close({ code: "stopped", message: "The device stops." });
    },
  };
}
