import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { startAgentProcess, type AgentProcess } from "../harness/agent-process.ts";
import { startEmbeddedDatabase, type TestDatabase } from "../harness/database.ts";
import { eventually } from "../harness/eventually.ts";
import { createToken, deviceOnline, findDevice } from "../harness/fleet.ts";
import { startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";
import { redisFault, startRedis, type RedisServer } from "../harness/redis-server.ts";

describe("when two processes of the platform share a database and a Redis", function () {
  this.timeout(180_000);
  let database: TestDatabase;
  let redis: RedisServer;
  let platforms: PlatformProcess[] = [];
  let agent: AgentProcess | undefined;

  before(async function () {
    if (redisFault() !== undefined) return this.skip();
    database = await startEmbeddedDatabase();
    redis = await startRedis();
    const env = {
      MONGODB_URI: database.uri,
      REDIS_URL: redis.url,
      RCIOTS_MASTER_KEY: randomBytes(32).toString("base64"),
      RCIOTS_CA_KEY: randomBytes(32).toString("base64"),
    };
    // At the same moment: the first run happens once all the same.
    platforms = await Promise.all([startPlatformProcess({ env }), startPlatformProcess({ env })]);
  });
  after(async () => {
    await agent?.stop();
    await Promise.all(platforms.map((platform) => platform.stop()));
    await redis?.stop();
    await database?.stop();
  });

  const both = (): [PlatformProcess, PlatformProcess] => platforms as [PlatformProcess, PlatformProcess];

  it("has one certificate authority and one first organisation", async () => {
    const [first, second] = both();
    assert.match(first.caFingerprint, /^[0-9a-f:]{64,}$/i);
    assert.equal(first.caFingerprint, second.caFingerprint);
    assert.equal(await database.db.collection("organizations").countDocuments(), 1);
    assert.equal(await database.db.collection("users").countDocuments(), 1);
  });

  it("cuts off at once a device that is disabled at the process which doesn't hold its session", async () => {
    const [holder, other] = both();
    const token = await createToken(await holder.api());
    agent = startAgentProcess({ platform: holder, token, name: "edge" });
    const api = await other.api();
    const { id } = await deviceOnline(api, "edge");
    await api.post(`/devices/${id}/disable`);
    // Well before the half minute in which a connector looks by itself.
    await eventually(async () => assert.equal((await findDevice(api, "edge")).presence.online, false), {
      timeoutMs: 10_000,
      intervalMs: 50,
    });
    await api.post(`/devices/${id}/enable`);
    // A disabled device asks again within 45 s.
    await eventually(async () => assert.equal((await findDevice(api, "edge")).presence.online, true), {
      timeoutMs: 90_000,
      intervalMs: 500,
    });
  });

  it("counts failed sign-ins together", async () => {
    const statuses: number[] = [];
    for (let tries = 0; tries < 12; tries += 1) {
      const answer = await fetch(`${platforms[tries % 2]?.consoleUrl}/api/v1/login`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ username: "somebody", password: "wrong" }),
      });
      statuses.push(answer.status);
    }
    assert.deepEqual(statuses, [...Array<number>(10).fill(401), 429, 429]);
  });

  it("says that it is not ready while Redis is away, and goes on when it is back", async () => {
    const [, other] = both();
    await redis.kill();
    await eventually(async () => {
      const answer = await fetch(`${other.consoleUrl}/readyz`);
      assert.equal(answer.status, 503);
      assert.deepEqual(((await answer.json()) as { faults: string[] }).faults, ["Redis can't be reached"]);
    });
    await redis.restart();
    await eventually(async () => assert.equal((await fetch(`${other.consoleUrl}/readyz`)).status, 200));
  });

  it("shows a device offline when the process that held its session was killed", async () => {
    const [holder, other] = both();
    const api = await other.api();
    await deviceOnline(api, "edge");
    await holder.kill();
    await eventually(async () => assert.equal((await findDevice(api, "edge")).presence.online, false), {
      timeoutMs: 60_000,
      intervalMs: 500,
    });
  });
});
