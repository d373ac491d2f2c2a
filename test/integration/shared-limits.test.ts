import assert from "node:assert/strict";
import { createRedisBus, type RedisBus } from "@rciots/redis-bus";
import { newId, silentLogger } from "@rciots/runtime";
import { createFixture, type Fixture } from "../../services/enroll/test/fixture.ts";
import { newKey } from "../../services/enroll/test/client.ts";
import {
  adminPassword,
  callApi,
  startApi,
  type Answer,
  type ApiFixture,
} from "../../services/frontend/test/api-fixture.ts";
import { redisFault, startRedis, type RedisServer } from "../harness/redis-server.ts";

const login = (username: string, password: string) => ({ body: { username, password } });

describe("when several processes count failures together", function () {
  this.timeout(60_000);
  let redis: RedisServer;
  let namespace: string;
  let buses: RedisBus[] = [];

  before(async function () {
    if (redisFault() !== undefined) return this.skip();
    redis = await startRedis();
  });
  after(() => redis?.stop());
  beforeEach(() => void (namespace = newId("bus")));
  afterEach(async () => {
    await Promise.all(buses.map((bus) => bus.stop()));
    buses = [];
  });

  async function join(): Promise<RedisBus> {
    const bus = createRedisBus({ url: redis.url, namespace, logger: silentLogger });
    await bus.start();
    buses.push(bus);
    return bus;
  }

  describe("at two frontends", () => {
    let api: ApiFixture;
    let urls: string[];

    const start = async (): Promise<string> =>
      (await api.startFrontend({ tryLimits: (await join()).tryLimits })).url;
    const statusOf = async (call: Promise<Answer>): Promise<number> => (await call).status;
    const signIn = (at: number, username: string, password: string): Promise<number> =>
      statusOf(callApi(urls[at] ?? "", "POST /login", login(username, password)));

    beforeEach(async () => {
      api = await startApi({
        loginLimits: { accountFailures: 4, addressFailures: 12, windowMs: 60_000 },
        accountLimits: { requestsPerAddress: 4, mailsPerRecipient: 2, windowMs: 60_000 },
      });
      urls = [await start(), await start()];
    });
    afterEach(() => api.stop());

    it("bans an account at both after the failures of both, also at one that starts anew", async () => {
      const spread = await Promise.all([0, 1, 0, 1, 0, 1].map((at) => signIn(at, "admin", "wrong")));
      assert.deepEqual(spread.sort(), [401, 401, 401, 401, 429, 429]);
      for (const at of [0, 1]) assert.equal(await signIn(at, "admin", adminPassword), 429);
      urls[1] = await start();
      assert.equal(await signIn(1, "admin", adminPassword), 429, "a restart forgets nothing");
    });

    it("bans an address at both, and forgets what failed before at both when somebody signs in", async () => {
      for (const at of [0, 1, 0]) assert.equal(await signIn(at, "admin", "wrong"), 401);
      assert.equal(await signIn(1, "admin", adminPassword), 200);
      for (const at of [0, 1, 0]) assert.equal(await signIn(at, "admin", "wrong"), 401);
      for (let guess = 0; guess < 6; guess += 1) await signIn(guess % 2, `guess-${guess}`, "wrong");
      for (const at of [0, 1]) assert.equal(await signIn(at, "another", "wrong"), 429);
    });

    it("counts requests for a new password together", async () => {
      const ask = (at: number): Promise<number> =>
        statusOf(callApi(urls[at] ?? "", "POST /password-reset", { body: { email: "nobody@example.com" } }));
      const statuses: number[] = [];
      for (const at of [0, 1, 0, 1, 0, 1]) statuses.push(await ask(at));
      assert.deepEqual(
        statuses.map((status) => status === 429),
        [false, false, false, false, true, true],
        statuses.join(" "),
      );
    });

    it("signs people in while Redis is away, and still ends guessing at each", async () => {
      await redis.kill();
      try {
        assert.equal(await signIn(0, "admin", adminPassword), 200);
        const statuses: number[] = [];
        for (let guess = 0; guess < 6; guess += 1) statuses.push(await signIn(1, "admin", "wrong"));
        assert.deepEqual(statuses, [401, 401, 401, 401, 429, 429]);
      } finally {
        await redis.restart();
      }
    });
  });

  describe("at two enrolment processes", () => {
    let fixture: Fixture;
    before(async () => {
      fixture = await createFixture();
    });
    after(() => fixture.stop());

    it("stops the guessing of tokens at both after the failures of both", async () => {
      const start = async () =>
        fixture.start({
          rateLimits: { failuresPerAddress: 5 },
          tryLimits: (await join()).tryLimits,
        });
      const [first, second] = [await start(), await start()];
      const codes: number[] = [];
      for (let guess = 0; guess < 8; guess += 1) {
        const { client } = guess % 2 === 0 ? first : second;
        const token = `rcp_guess-guess-guess-${guess}`;
        codes.push((await client.enroll(token, { name: "guess", csr: newKey().csr })).status);
      }
      assert.deepEqual(codes, [404, 404, 404, 404, 404, 429, 429, 429]);
      const { client } = await start();
      assert.equal((await client.enroll("rcp_guess-guess-guess-9", {})).status, 429);
    });
  });
});
