import assert from "node:assert/strict";
import {
  createAgent,
  createMemoryIdentityStore,
  createMemoryStateStore,
  parseProxy,
  type Agent,
  type AgentOptions,
} from "@rciots/agent";
import { silentLogger } from "@rciots/runtime";
import { eventually } from "../harness/eventually.ts";
import { startPlatform, type Platform } from "./agent-fixture.ts";
import { startHttpProxy, startSocksProxy, startStallingRelay, type Relay } from "./agent-relays.ts";

describe("when the way to the platform is not straight", () => {
  let platform: Platform;
  let count = 0;
  const agents: Agent[] = [];
  const relays: Relay[] = [];

  before(async function () {
    this.timeout(60_000);
    platform = await startPlatform();
  });
  afterEach(async () => {
    await Promise.all(agents.splice(0).map((agent) => agent.stop()));
    await Promise.all(relays.splice(0).map((relay) => relay.stop()));
  });
  after(() => platform.stop());

  function use<T extends Relay>(relay: T): T {
    relays.push(relay);
    return relay;
  }

  async function start(options: Partial<AgentOptions>): Promise<Agent> {
    count += 1;
    const agent = createAgent({
      platformUrl: platform.enrollUrl(),
      trust: { kind: "ca", pem: platform.rootPem() },
      name: `network-${count}`,
      provisioningToken: await platform.addToken(),
      identityStore: createMemoryIdentityStore(),
      stateStore: createMemoryStateStore(),
      findCluster: async () => undefined,
      readFacts: async () => ({}),
      agentVersion: "0.0.0-test",
      logger: silentLogger,
      backoff: { minMs: 50, maxMs: 500 },
      ...options,
    });
    agents.push(agent);
    agent.start();
    return agent;
  }
  const isConnected = (agent: Agent) =>
    eventually(() => assert.equal(agent.status().phase, "connected", JSON.stringify(agent.status())));

  it("goes through an HTTP proxy with a password, for enrolment and channel alike", async () => {
    const relay = use(await startHttpProxy("user:p@ss:word"));
    const proxy = parseProxy(`http://user:p%40ss%3Aword@127.0.0.1:${relay.port}`);
    const agent = await start({ proxyFor: () => proxy });
    await isConnected(agent);
    const ports = new Set(relay.targets.map((target) => target.split(":").at(-1)));
    assert.deepEqual(ports, new Set([new URL(platform.enrollUrl()).port, String(platform.edgePort())]));
  });

  it("goes on trying where the proxy refuses, and does not go around it", async () => {
    const relay = use(await startHttpProxy("user:right"));
    const proxy = parseProxy(`http://user:wrong@127.0.0.1:${relay.port}`);
    const agent = await start({ proxyFor: () => proxy });
    await eventually(() => assert.ok(relay.refused() >= 3));
    assert.equal(agent.status().phase, "enrolling");
    assert.deepEqual(relay.targets, []);
  });

  it("goes through a SOCKS 5 proxy, which resolves the name", async () => {
    const relay = use(await startSocksProxy());
    const proxy = parseProxy(`socks5://127.0.0.1:${relay.port}`);
    const agent = await start({ proxyFor: () => proxy });
    await isConnected(agent);
    assert.ok(relay.targets.includes(`localhost:${platform.edgePort()}`), relay.targets.join());
  });

  it("goes through a SOCKS 5 proxy with a password", async () => {
    const relay = use(await startSocksProxy("user", "secret"));
    const proxy = parseProxy(`socks5://user:secret@127.0.0.1:${relay.port}`);
    await isConnected(await start({ proxyFor: () => proxy }));
  });

  it("notices a path that died silently in under 30 seconds", async function () {
    this.timeout(60_000);
    const identityStore = createMemoryIdentityStore();
    const first = await start({ identityStore });
    await isConnected(first);
    await first.stop();
    const relay = use(await startStallingRelay(platform.edgePort()));
    const stored = await identityStore.load();
    assert.ok(stored?.identity);
    const identity = { ...stored.identity, edgeUrl: `wss://localhost:${relay.port}` };
    const agent = await start({ identityStore: createMemoryIdentityStore({ version: 1, identity }) });
    await isConnected(agent);
    relay.stall();
    const stalledAt = Date.now();
    await eventually(() => assert.notEqual(agent.status().phase, "connected"), { timeoutMs: 35_000 });
    const tookMs = Date.now() - stalledAt;
    assert.ok(tookMs < 30_000, `${tookMs} ms`);
  });
});

describe("when the platform is reached by IPv6", () => {
  it("enrols and connects by address", async function () {
    this.timeout(60_000);
    const platform = await startPlatform({ host: "::1" });
    const agent = createAgent({
      platformUrl: platform.enrollUrl(),
      trust: { kind: "ca", pem: platform.rootPem() },
      name: "six",
      provisioningToken: await platform.addToken(),
      identityStore: createMemoryIdentityStore(),
      stateStore: createMemoryStateStore(),
      findCluster: async () => undefined,
      readFacts: async () => ({}),
      agentVersion: "0.0.0-test",
      logger: silentLogger,
    });
    agent.start();
    try {
      await eventually(() => assert.equal(agent.status().phase, "connected", JSON.stringify(agent.status())));
    } finally {
      await agent.stop();
      await platform.stop();
    }
  });
});
