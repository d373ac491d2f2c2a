import assert from "node:assert/strict";
import { AppError, hashToken, silentLogger } from "@rciots/runtime";
import type { EnrollRequest } from "@rciots/protocol";
import { createIdentityKeeper } from "./identity-keeper.ts";
import { createMemoryIdentityStore, type IdentityStore } from "./identity.store.ts";
import type { PlatformAnswer, PlatformClient } from "./platform.client.ts";

const deviceId = "dev_01ARZ3NDEKTSV4RRFFQ69G5FAV";
const problem = (status: number, code: string): PlatformAnswer => ({
  status,
  body: { code, detail: `It is ${code}.` },
  retryAfterMs: undefined,
});
const pending: PlatformAnswer = {
  status: 202,
  retryAfterMs: 1,
  body: {
    status: "pending",
    deviceId,
    deviceToken: "rcd_0123456789abcdef",
    retryAfterMs: 1,
    serverTime: new Date().toISOString(),
  },
};

/** Answers in turn; the last answer again and again. */
function createClient(answers: (PlatformAnswer | Error)[], seen: EnrollRequest[] = []): PlatformClient {
  let index = 0;
  return {
    url: "https://platform.test",
    askTime: async () => undefined,
    async post(_path, { body }) {
      seen.push(body as EnrollRequest);
      const answer = answers[Math.min(index, answers.length - 1)];
      index += 1;
      if (answer === undefined || answer instanceof Error) throw answer ?? new Error("no answer");
      return answer;
    },
  };
}

const unreachable = new AppError({ code: "platform_unreachable", status: 503, message: "gone" });

describe("when a device enrols", () => {
  const keeperOf = (
    store: IdentityStore,
    client: PlatformClient,
    provisioningToken: string | undefined = "rcp_1",
  ) =>
    createIdentityKeeper({
      store,
      client,
      name: "edge-07",
      facts: async () => ({}),
      provisioningToken,
      logger: silentLogger,
      retry: { minMs: 1, maxMs: 2 },
    });
  const never = new AbortController().signal;

  it("stores its key before it first sends it", async () => {
    const store = createMemoryIdentityStore();
    let storedAtCall: unknown;
    const client: PlatformClient = {
      ...createClient([]),
      async post() {
        storedAtCall = (await store.load())?.pending?.privateKey;
        return problem(404, "token_not_found");
      },
    };
    await assert.rejects(keeperOf(store, client).obtain(never), { code: "token_not_found" });
    assert.match(String(storedAtCall), /BEGIN PRIVATE KEY/);
  });

  it("is the same device after it was killed before the answer", async () => {
    const store = createMemoryIdentityStore();
    const keys: (string | undefined)[] = [];
    for (let start = 0; start < 2; start += 1) {
      const client = createClient([problem(403, "token_expired")]);
      await assert.rejects(keeperOf(store, client).obtain(never));
      keys.push((await store.load())?.pending?.privateKey);
    }
    assert.equal(keys[0], keys[1]);
  });

  it("tries again while the platform is away, and ends at what another try can't change", async () => {
    const seen: EnrollRequest[] = [];
    const answers = [
      unreachable,
      problem(503, "unavailable"),
      problem(429, "rate_limited"),
      problem(403, "device_denied"),
    ];
    const store = createMemoryIdentityStore();
    await assert.rejects(keeperOf(store, createClient(answers, seen)).obtain(never), {
      code: "device_denied",
      message: /It is device_denied\. An operator denied/,
    });
    assert.equal(seen.length, 4);
  });

  it("asks on as the device it was told to be, and as a new one where that was deleted", async () => {
    const seen: EnrollRequest[] = [];
    const answers = [pending, pending, problem(404, "device_not_found"), problem(403, "token_disabled")];
    await assert.rejects(keeperOf(createMemoryIdentityStore(), createClient(answers, seen)).obtain(never));
    assert.deepEqual(
      seen.map((request) => request.deviceId),
      [undefined, deviceId, deviceId, undefined],
    );
  });

  it("takes a gateway's bare refusal for something that passes", async () => {
    const answers: PlatformAnswer[] = [
      { status: 403, body: undefined, retryAfterMs: undefined },
      problem(404, "token_not_found"),
    ];
    const client = createClient(answers);
    await assert.rejects(keeperOf(createMemoryIdentityStore(), client).obtain(never), {
      code: "token_not_found",
    });
  });

  it("says what is missing where there is neither identity nor token", async () => {
    const keeper = createIdentityKeeper({
      store: createMemoryIdentityStore(),
      client: createClient([]),
      name: "edge-07",
      facts: async () => ({}),
      logger: silentLogger,
    });
    await assert.rejects(keeper.obtain(never), { code: "token_missing", message: /RCIOTS_TOKEN/ });
  });

  it("stays away after it was decommissioned, until it is given another token", async () => {
    const decommissioned = { deviceId, at: new Date().toISOString(), tokenHash: hashToken("rcp_1") };
    const store = createMemoryIdentityStore({ version: 1, decommissioned });
    const client = createClient([problem(404, "token_not_found")]);
    await assert.rejects(keeperOf(store, client).obtain(never), { code: "device_decommissioned" });
    await assert.rejects(keeperOf(store, client, "rcp_2").obtain(never), { code: "token_not_found" });
  });

  it("keeps what it has where the platform sends a certificate for another key", async () => {
    const identity = {
      deviceId,
      organizationId: "org_01ARZ3NDEKTSV4RRFFQ69G5FAV",
      deviceToken: "rcd_0123456789abcdef",
      privateKey: "old",
      certificateChain: "old",
      caCertificates: "old",
      edgeUrl: "wss://edge.test",
      platformUrl: "https://platform.test",
    };
    const store = createMemoryIdentityStore({ version: 1, identity });
    const keeper = keeperOf(store, createClient([]));
    await keeper.obtain(never);
    const renewed = keeper.renew(async () => ({
      certificateChain: "not a certificate",
      caCertificates: "",
      notAfter: new Date().toISOString(),
    }));
    await assert.rejects(renewed, { code: "certificate_unusable" });
    assert.deepEqual(keeper.current(), identity);
    assert.deepEqual((await store.load())?.identity, identity);
  });

  it("ends at once when the agent stops", async () => {
    const stopping = new AbortController();
    const obtaining = keeperOf(createMemoryIdentityStore(), createClient([unreachable])).obtain(
      stopping.signal,
    );
    stopping.abort();
    await assert.rejects(obtaining, { code: "stopped" });
  });
});
