import assert from "node:assert/strict";
import { AppError, silentLogger } from "@rciots/runtime";
import type { DeviceIdentity } from "../identity/identity.store.ts";
import { runConnectLoop, type ConnectLoopOptions } from "./connect-loop.ts";
import type { SessionEnd } from "./session-fault.ts";
import type { Session } from "./session.ts";

const identity = { deviceId: "dev_1", certificateChain: "chain" } as DeviceIdentity;
const refused = (code: string, retryAfterMs?: number) =>
  new AppError({
    code,
    status: 503,
    message: code,
    ...(retryAfterMs === undefined ? {} : { details: { retryAfterMs } }),
  });

/** How one try goes: refused at once, or a session of some length that ends with a code. */
type Try = { refused: AppError } | { livedMs: number; code: string };

/** Runs the loop over scripted tries on a clock of its own; the last pause ends it. */
async function play(tries: Try[], change: Partial<ConnectLoopOptions> = {}) {
  const stopping = new AbortController();
  const pauses: number[] = [];
  const calls: string[] = [];
  const ends: string[] = [];
  let now = 0;
  const outcome = await runConnectLoop(
    {
      identity: {
        current: () => identity,
        canEnroll: () => true,
        recover: async () => (calls.push("recover"), identity),
        enrollAgain: async () => (calls.push("enroll"), identity),
      },
      connect: async () => {
        calls.push("connect");
        const next = tries.shift();
        if (next === undefined || "refused" in next) throw next?.refused ?? refused("unreachable");
        return createSession(next, (durationMs) => (now += durationMs));
      },
      hello: async () => ({ versions: [1], agentVersion: "0", capabilities: [], facts: {} }),
      onLive: () => undefined,
      onEnd: ({ code }) => ends.push(code),
      onNewIdentity: () => undefined,
      isExpired: () => false,
      logger: silentLogger,
      random: () => 1,
      now: () => now,
      pause: async (durationMs) => {
        pauses.push(durationMs);
        now += durationMs;
        if (tries.length === 0) stopping.abort();
      },
      ...change,
    },
    stopping.signal,
  );
  return { outcome, pauses, calls, ends };
}

function createSession(
  { livedMs, code }: { livedMs: number; code: string },
  pass: (durationMs: number) => void,
): Session {
  let end: SessionEnd | undefined;
  return {
    call: async () => {
      pass(livedMs);
      end = { code, message: code };
      return {} as never;
    },
    get ended() {
      return Promise.resolve(end ?? { code, message: code });
    },
    close: () => undefined,
  };
}

describe("when the connect loop runs", () => {
  const away: Try = { refused: refused("unreachable") };

  it("waits longer each time, up to half a minute", async () => {
    const { pauses, outcome } = await play(Array.from({ length: 8 }, () => away));
    assert.deepEqual(pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    assert.equal(outcome, "stopped");
  });

  it("begins anew only after a session that lived ten seconds", async () => {
    const short = await play([away, away, { livedMs: 9_000, code: "closed" }, away]);
    assert.deepEqual(short.pauses, [1_000, 2_000, 4_000, 8_000]);
    const long = await play([away, away, { livedMs: 10_000, code: "closed" }, away]);
    assert.deepEqual(long.pauses, [1_000, 2_000, 1_000, 2_000]);
  });

  it("keeps the time it is told to stay away", async () => {
    const { pauses } = await play([{ refused: refused("busy", 10_000) }, away]);
    assert.deepEqual(pauses, [12_500, 2_000]);
  });

  it("recovers and connects where the certificate has expired", async () => {
    const { calls } = await play([{ refused: refused("certificate_expired") }, away]);
    assert.deepEqual(calls, ["connect", "recover", "connect"]);
  });

  it("does not even try with a certificate that has expired", async () => {
    let isExpired = true;
    const { calls } = await play([away], {
      isExpired: () => isExpired,
      onNewIdentity: () => (isExpired = false),
    });
    assert.deepEqual(calls, ["recover", "connect"]);
  });

  it("recovers after the third connection that was cut without a word", async () => {
    const cut: Try = { refused: refused("cut") };
    const { calls } = await play([cut, cut, cut, away]);
    assert.deepEqual(calls, ["connect", "connect", "connect", "recover", "connect"]);
  });

  it("does not hammer on recovery while it is refused", async () => {
    const { pauses, calls } = await play([{ refused: refused("certificate_revoked") }, away], {
      identity: {
        current: () => identity,
        canEnroll: () => false,
        recover: () => Promise.reject(refused("device_disabled")),
        enrollAgain: () => Promise.reject(new Error("not asked for")),
      },
    });
    assert.deepEqual(pauses.slice(0, 2), [1_000, 45_000]);
    assert.equal(calls.filter((call) => call === "connect").length, 2);
  });

  it("ends where the device was decommissioned", async () => {
    assert.equal((await play([{ refused: refused("device_decommissioned") }])).outcome, "decommissioned");
    assert.equal((await play([{ livedMs: 1, code: "device_decommissioned" }])).outcome, "decommissioned");
  });
});
