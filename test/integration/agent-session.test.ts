import assert from "node:assert/strict";
import {
  createAgent,
  createMemoryIdentityStore,
  createMemoryStateStore,
  type Agent,
  type AgentOptions,
} from "@rciots/agent";
import { createLogger, silentLogger } from "@rciots/runtime";
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

describe("when an agent meets the platform", () => {
  let platform: Platform;
  const agents: Agent[] = [];

  before(async function () {
    this.timeout(60_000);
    platform = await startPlatform();
  });
  after(async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
    await platform.stop();
  });

  function start(options: Partial<AgentOptions> & { name: string }): Agent {
    const agent = createAgent({
      platformUrl: platform.enrollUrl(),
      trust: { kind: "ca", pem: platform.rootPem() },
      identityStore: createMemoryIdentityStore(),
      stateStore: createMemoryStateStore(),
      findCluster: async () => undefined,
      readFacts: async () => ({ hostname: options.name, simulated: true }),
      agentVersion: "0.0.0-test",
      logger,
      backoff: { minMs: 50, maxMs: 500 },
      ...options,
    });
    agents.push(agent);
    agent.start();
    return agent;
  }
  const connected = (agent: Agent) => eventually(() => assert.equal(agent.status().phase, "connected"));

  it("enrols, connects and is online", async () => {
    const agent = start({ name: "first", provisioningToken: await platform.addToken() });
    await connected(agent);
    const device = await platform.device(agent.status().deviceId ?? "");
    assert.equal(device.name, "first");
    await eventually(async () => assert.equal((await platform.device(device._id)).presence.online, true));
  });

  it("applies what it is assigned and reports it healthy", async () => {
    const { cluster } = createSimulatedCluster();
    const agent = start({
      name: "second",
      provisioningToken: await platform.addToken(),
      findCluster: async () => ({ cluster, namespace: "rciots-agent" }),
    });
    await connected(agent);
    const deviceId = agent.status().deviceId ?? "";
    platform.desired.set(deviceId, 1, [configMap("one")]);
    platform.bus.publish("desired:changed", { organizationId: platform.organizationId, deviceIds: [deviceId] });
    await eventually(async () => {
      const { observed } = await platform.device(deviceId);
      assert.equal(observed.revision, 1);
      assert.equal(observed.state, "healthy");
    });
  });
});
