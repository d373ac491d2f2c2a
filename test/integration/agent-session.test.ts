import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import {
  createAgent,
  createMemoryIdentityStore,
  createMemoryStateStore,
  type Agent,
  type AgentOptions,
  type AgentStatus,
  type DeviceIdentity,
  type IdentityStore,
} from "@rciots/agent";
import { createLogger, newToken, silentLogger } from "@rciots/runtime";
import { createSimulatedCluster } from "../bench/simulated-cluster.ts";
import { eventually } from "../harness/eventually.ts";
import { startPlatform, type Platform } from "./agent-fixture.ts";

const logger = process.env["TEST_LOG"] === undefined ? silentLogger : createLogger({ level: "debug" });

const configMap = (name: string, data: Record<string, string> = { a: "1" }) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default" },
  data,
});

const serialOf = (pem: string | undefined): string => new X509Certificate(pem ?? "").serialNumber;

describe("when an agent meets the platform", () => {
  let platform: Platform;
  let count = 0;
  const agents: Agent[] = [];

  before(async function () {
    this.timeout(60_000);
    platform = await startPlatform();
  });
  afterEach(async () => {
    await Promise.all(agents.splice(0).map((agent) => agent.stop()));
  });
  after(() => platform.stop());

  function start(options: Partial<AgentOptions> = {}): Agent {
    count += 1;
    const agent = createAgent({
      platformUrl: platform.enrollUrl(),
      trust: { kind: "ca", pem: platform.rootPem() },
      name: `device-${count}`,
      identityStore: createMemoryIdentityStore(),
      stateStore: createMemoryStateStore(),
      findCluster: async () => undefined,
      readFacts: async () => ({ simulated: true }),
      agentVersion: "0.0.0-test",
      logger,
      backoff: { minMs: 50, maxMs: 500 },
      reconcile: { reportIntervalMs: 20 },
      ...options,
    });
    agents.push(agent);
    agent.start();
    return agent;
  }
  const reaches = (agent: Agent, phase: AgentStatus["phase"]) =>
    eventually(() => assert.equal(agent.status().phase, phase, JSON.stringify(agent.status())));
  const idOf = (agent: Agent): string => agent.status().deviceId ?? "";
  async function startConnected(options: Partial<AgentOptions> = {}): Promise<Agent> {
    const agent = start({ provisioningToken: await platform.addToken(), ...options });
    await reaches(agent, "connected");
    return agent;
  }
  async function startWithCluster(options: Partial<AgentOptions> = {}) {
    const cluster = createSimulatedCluster();
    const agent = await startConnected({
      findCluster: async () => ({ cluster, namespace: "rciots-agent" }),
      ...options,
    });
    return { agent, cluster };
  }
  const observes = (deviceId: string, revision: number, state: string) =>
    eventually(async () => {
      const { observed } = await platform.device(deviceId);
      assert.deepEqual([observed.revision, observed.state], [revision, state], observed.message ?? "");
      return observed;
    });

  it("enrols, connects and is online", async () => {
    const agent = await startConnected({ name: "first" });
    const device = await platform.device(idOf(agent));
    assert.equal(device.name, "first");
    await eventually(async () => assert.equal((await platform.device(device._id)).presence.online, true));
  });

  it("waits for approval, and connects soon after it", async () => {
    const agent = start({ provisioningToken: await platform.addToken({ approval: "manual" }) });
    const pending = await eventually(async () => {
      const found = await platform.db.collection("devices").findOne({ name: `device-${count}` });
      assert.equal(found?.["status"], "pending");
      return found;
    });
    assert.equal(agent.status().phase, "enrolling");
    await platform.setStatus(String(pending?._id), "active");
    await reaches(agent, "connected");
    assert.equal(idOf(agent), String(pending?._id));
  });

  it("ends with the platform's sentence where the token is unknown", async () => {
    const agent = start({ provisioningToken: newToken("rcp") });
    const outcome = await agent.finished;
    assert.equal(outcome.kind, "failed");
    assert.match(outcome.kind === "failed" ? String(outcome.error) : "", /Token not found\..*RCIOTS_TOKEN/);
  });

  it("trusts a fingerprint, and nobody with another", async () => {
    await startConnected({
      trust: { kind: "fingerprint", sha256: platform.fingerprint().replaceAll(":", "").toLowerCase() },
    });
    const agent = start({
      provisioningToken: await platform.addToken(),
      trust: { kind: "fingerprint", sha256: "ab".repeat(32) },
    });
    const outcome = await agent.finished;
    assert.equal((outcome as { error: { code?: string } }).error.code, "ca_fingerprint_mismatch");
  });

  it("goes on with its stored identity and needs no token for it", async () => {
    const identityStore = createMemoryIdentityStore();
    const first = await startConnected({ identityStore });
    await first.stop();
    const second = start({ identityStore });
    await reaches(second, "connected");
    assert.equal(idOf(second), idOf(first));
  });

  it("applies what it is assigned, corrects nothing twice, and reports it healthy", async () => {
    const { agent, cluster } = await startWithCluster();
    await platform.desired.set(idOf(agent), 1, [configMap("one")]);
    await observes(idOf(agent), 1, "healthy");
    await platform.desired.set(idOf(agent), 2, [configMap("two")]);
    await observes(idOf(agent), 2, "healthy");
    const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: "default" };
    assert.equal(await cluster.get({ ...ref, name: "one" }), undefined);
    assert.ok(await cluster.get({ ...ref, name: "two" }));
    platform.desired.clear(idOf(agent), 3);
    await eventually(async () => assert.equal(await cluster.get({ ...ref, name: "two" }), undefined));
  });

  it("fetches a bundle of several chunks over two sessions without losing what it had", async function () {
    this.timeout(40_000);
    const { agent } = await startWithCluster();
    const noise = (index: number) =>
      configMap(`big-${index}`, {
        noise: Buffer.from(crypto.getRandomValues(new Uint8Array(60_000))).toString("hex"),
      });
    const objects = Array.from({ length: 40 }, (_, index) => noise(index));
    await platform.desired.set(idOf(agent), 1, objects);
    await eventually(() => assert.ok((platform.connector().stats().calls["answered"] ?? 0) > 0));
    await platform.stopConnector();
    await platform.startConnector();
    const { objectCount } = await observes(idOf(agent), 1, "healthy");
    assert.equal(objectCount, 40);
  });

  it("reports a bundle that is not what was announced, and takes the next", async () => {
    const { agent } = await startWithCluster();
    await platform.desired.set(idOf(agent), 1, [configMap("one")], { digest: "0".repeat(64) });
    const failed = await observes(idOf(agent), 1, "failed");
    assert.match(failed.message ?? "", /SHA-256 differs/);
    await platform.desired.set(idOf(agent), 2, [configMap("one")], { objectCount: 7 });
    assert.match((await observes(idOf(agent), 2, "failed")).message ?? "", /1 objects, not 7/);
    await platform.desired.set(idOf(agent), 3, [configMap("one")]);
    await observes(idOf(agent), 3, "healthy");
  });

  it("says that it has no cluster, and goes on once there is one", async () => {
    let found: ReturnType<typeof createSimulatedCluster> | undefined = undefined;
    const agent = await startConnected({
      findCluster: async () =>
        found === undefined ? undefined : { cluster: found, namespace: "rciots-agent" },
      patrolIntervalMs: 100,
    });
    await platform.desired.set(idOf(agent), 1, [configMap("one")]);
    const failed = await observes(idOf(agent), 1, "failed");
    assert.match(failed.message ?? "", /no cluster/);
    found = createSimulatedCluster();
    await observes(idOf(agent), 1, "healthy");
  });

  it("comes back after the connector was gone, and tells what happened meanwhile", async () => {
    const { agent, cluster } = await startWithCluster();
    await platform.desired.set(idOf(agent), 1, [configMap("one")]);
    await observes(idOf(agent), 1, "healthy");
    await platform.stopConnector();
    await reaches(agent, "connecting");
    await cluster.delete({ apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "one" });
    await platform.startConnector();
    await reaches(agent, "connected");
    await observes(idOf(agent), 1, "healthy");
    await eventually(() => assert.equal(agent.status().waitingReports, 0));
  });

  it("is cut when it is disabled, and knows why", async () => {
    const agent = await startConnected();
    await platform.setStatus(idOf(agent), "disabled");
    await reaches(agent, "connecting");
    assert.equal(agent.status().lastEnd?.code, "device_disabled");
  });

  it("gets a new certificate by its device token where the old one was revoked", async () => {
    const identityStore = createMemoryIdentityStore();
    const agent = await startConnected({ identityStore });
    const before = serialOf((await identityStore.load())?.identity?.certificateChain);
    await platform.db
      .collection("certificates")
      .updateMany({ deviceId: idOf(agent) }, { $set: { revokedAt: new Date() } });
    platform.bus.publish("device:access-changed", {
      organizationId: platform.organizationId,
      deviceId: idOf(agent),
    });
    await eventually(async () =>
      assert.notEqual(serialOf((await identityStore.load())?.identity?.certificateChain), before),
    );
    await reaches(agent, "connected");
  });

  it("enrols anew where the platform no longer knows it", async () => {
    const agent = await startConnected();
    const before = idOf(agent);
    const session = agent.status().sessionId;
    await platform.db.collection("devices").deleteOne({ _id: before as never });
    platform.bus.publish("device:access-changed", {
      organizationId: platform.organizationId,
      deviceId: before,
    });
    // The same key soon after may be given the same id: what counts is that it is known again.
    await eventually(async () => {
      assert.notEqual(agent.status().sessionId, session);
      assert.equal((await platform.device(idOf(agent))).status, "active");
    });
    await reaches(agent, "connected");
  });

  it("wipes its workloads and its identity when it is decommissioned, and stays away", async () => {
    const identityStore = createMemoryIdentityStore();
    const provisioningToken = await platform.addToken();
    const { agent, cluster } = await startWithCluster({ identityStore, provisioningToken });
    const deviceId = idOf(agent);
    await platform.desired.set(deviceId, 1, [configMap("one")]);
    await observes(deviceId, 1, "healthy");
    await platform.db.collection("devices").updateOne(
      { _id: deviceId as never },
      {
        $set: { status: "decommissioned", decommission: { wipeWorkloads: true, requestedAt: new Date() } },
      },
    );
    platform.bus.publish("device:access-changed", { organizationId: platform.organizationId, deviceId });
    assert.deepEqual(await agent.finished, { kind: "decommissioned", deviceId });
    const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "one" };
    assert.equal(await cluster.get(ref), undefined);
    assert.equal((await identityStore.load())?.identity, undefined);
    const again = start({ identityStore, provisioningToken });
    const outcome = await again.finished;
    assert.match(outcome.kind === "failed" ? String(outcome.error) : "", /was decommissioned/);
    const anew = start({ identityStore, provisioningToken: await platform.addToken() });
    await reaches(anew, "connected");
  });

  it("gives way to a newer session of the same identity", async () => {
    const identityStore = createMemoryIdentityStore();
    const first = await startConnected({ identityStore });
    const second = start({ identityStore });
    await reaches(second, "connected");
    await eventually(() => assert.equal(first.status().lastEnd?.code, "superseded"));
    assert.equal(second.status().phase, "connected");
  });

  it("says in its facts how far its clock is off", async () => {
    const aheadMs = 300_000;
    const agent = await startConnected({ localNow: () => Date.now() + aheadMs });
    await agent.stop();
    const again = start({
      provisioningToken: await platform.addToken(),
      localNow: () => Date.now() + aheadMs,
    });
    await reaches(again, "connected");
    const { facts } = await platform.device(idOf(again));
    const saidMs = (facts as { clockOffsetMs?: number }).clockOffsetMs ?? 0;
    assert.ok(Math.abs(saidMs - aheadMs) < 2_000, `${saidMs}`);
  });
});

describe("when certificates live for a short time", () => {
  let platform: Platform;
  before(async function () {
    this.timeout(60_000);
    platform = await startPlatform({ certificateLifetimeMs: 60_000 });
  });
  after(() => platform.stop());

  it("renews with a new key over the channel, long before the end", async () => {
    const memory = createMemoryIdentityStore();
    const saved: DeviceIdentity[] = [];
    const identityStore: IdentityStore = {
      ...memory,
      async save(document) {
        if (document.identity !== undefined) saved.push(document.identity);
        await memory.save(document);
      },
    };
    const agent = createAgent({
      platformUrl: platform.enrollUrl(),
      trust: { kind: "ca", pem: platform.rootPem() },
      name: "short",
      provisioningToken: await platform.addToken(),
      identityStore,
      stateStore: createMemoryStateStore(),
      findCluster: async () => undefined,
      readFacts: async () => ({}),
      agentVersion: "0.0.0-test",
      logger,
      random: () => 0,
    });
    agent.start();
    await eventually(() => assert.equal(agent.status().phase, "connected"));
    await eventually(() => assert.ok(saved.length >= 2));
    const [first, second] = saved;
    assert.notEqual(serialOf(second?.certificateChain), serialOf(first?.certificateChain));
    assert.notEqual(second?.privateKey, first?.privateKey);
    assert.equal(agent.status().phase, "connected");
    await agent.stop();
  });
});
