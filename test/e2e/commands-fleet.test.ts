import assert from "node:assert/strict";
import { createMemoryIdentityStore } from "@rciots/agent";
import type { PlatformRequest } from "@rciots/protocol";
import { silentLogger } from "@rciots/runtime";
import type { Session } from "../../agent/src/channel/session.ts";
import { createIdentityKeeper } from "../../agent/src/identity/identity-keeper.ts";
import { createPlatformClient } from "../../agent/src/identity/platform.client.ts";
import { createPlatformClock } from "../../agent/src/identity/platform-clock.ts";
import { rootOf } from "../bench/platform.ts";
import { createAppSession } from "../bench/raw-session.ts";
import type { ApiClient } from "../harness/api-client.ts";
import { eventually } from "../harness/eventually.ts";
import { createToken } from "../harness/fleet.ts";
import { startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";

type Start = PlatformRequest<"command:start">;

const deviceCount = 200;
const failing = "edge-7";

describe("a command on two hundred devices", function () {
  this.timeout(240_000);
  let platform: PlatformProcess;
  let api: ApiClient;
  const sessions: Session[] = [];
  /** What each device was asked, by its name. */
  const asked = new Map<string, Start[]>();
  let running = 0;
  let most = 0;

  /** Runs nothing; says what an agent would say that did. */
  async function answer(session: Session, name: string, { id }: Start): Promise<void> {
    running += 1;
    most = Math.max(most, running);
    const text = `hello from ${name}\n`;
    await session.call("command:output", { id, offset: 0, pieces: [{ stream: "stdout", text }] });
    running -= 1;
    const finishedAt = new Date().toISOString();
    const end = {
      id,
      outcome: "exited" as const,
      outputBytes: text.length,
      startedAt: finishedAt,
      finishedAt,
    };
    await session.call("command:end", { ...end, exitCode: name === failing ? 1 : 0 });
  }

  async function connect(name: string, token: string, pem: string): Promise<void> {
    const identityStore = createMemoryIdentityStore();
    const keeper = createIdentityKeeper({
      store: identityStore,
      client: createPlatformClient({
        platformUrl: platform.enrollUrl,
        trust: { kind: "ca", pem },
        clock: createPlatformClock(),
      }),
      name,
      labels: undefined,
      facts: async () => ({ simulated: true }),
      provisioningToken: token,
      logger: silentLogger,
    });
    await keeper.obtain(new AbortController().signal);
    const identity = (await identityStore.load())?.identity;
    assert.ok(identity);
    const session: Session = await createAppSession(identity, {
      resume: false,
      capabilities: ["commands"],
      handlers: {
        "command:start": (request) => {
          asked.set(name, [...(asked.get(name) ?? []), request]);
          void answer(session, name, request);
          return { isNew: true };
        },
      },
    });
    sessions.push(session);
  }

  before(async () => {
    platform = await startPlatformProcess();
    api = await platform.api();
    const token = await createToken(api, { labels: { fleet: "all" } });
    const pem = await rootOf(platform.enrollUrl, platform.caFingerprint);
    const names = Array.from({ length: deviceCount }, (_value, index) => `edge-${index}`);
    const connectSome = async (): Promise<void> => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) await connect(name, token, pem);
    };
    await Promise.all(Array.from({ length: 8 }, connectSome));
    await eventually(async () => {
      const { total }: any = await api.get("/devices?online=true&limit=1");
      assert.equal(total, deviceCount);
    });
  });
  after(async () => {
    for (const session of sessions) session.close({ code: "stopped", message: "The test is over." });
    await platform?.stop();
  });

  it("runs once on each, and one that fails keeps no other from it", async () => {
    const { id, deviceCount: wanted }: any = await api.post("/commands", {
      selector: { selector: "fleet=all" },
      program: { kind: "argv", argv: ["hello"] },
      concurrency: 20,
    });
    assert.equal(wanted, deviceCount);
    await eventually(
      async () => {
        const { state, counts }: any = await api.get(`/commands/${id}`);
        assert.deepEqual([state, counts], ["finished", { succeeded: deviceCount - 1, failed: 1 }]);
      },
      { timeoutMs: 120_000, intervalMs: 500 },
    );
    assert.equal(asked.size, deviceCount);
    assert.ok([...asked.values()].every((starts) => starts.length === 1));
    assert.ok(most <= 20, `${most} at once`);
    const failed: any = await api.get(`/commands/${id}/executions?state=failed`);
    assert.deepEqual(
      failed.items.map(({ deviceName }: any) => deviceName as string),
      [failing],
    );
    let cursor = "";
    const seen: any[] = [];
    do {
      const page: any = await api.get(`/commands/${id}/executions?limit=60${cursor}`);
      seen.push(...(page.items as any[]));
      cursor = page.nextCursor === null ? "" : `&cursor=${encodeURIComponent(page.nextCursor as string)}`;
    } while (cursor !== "");
    assert.equal(new Set(seen.map(({ deviceId }) => deviceId as string)).size, deviceCount);
    for (const execution of seen.slice(0, 5)) {
      const { parts }: any = await api.get(`/command-executions/${execution.id}/output`);
      assert.equal(parts[0].pieces[0].text, `hello from ${execution.deviceName}\n`);
    }
  });
});
