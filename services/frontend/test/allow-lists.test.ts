import assert from "node:assert/strict";
import { startApi, type Answer, type ApiFixture } from "./api-fixture.ts";

describe("when an organisation says from where it can be worked with", () => {
  let api: ApiFixture;
  let organizationId: string;
  let owner: string;
  before(async () => {
    // Addresses come from the proxy that is trusted, as behind an ingress.
    api = await startApi({ trustProxy: 1 });
  });
  after(() => api.stop());
  beforeEach(async () => {
    organizationId = await api.createOrganization();
    owner = await api.signInAs("owner", organizationId);
  });

  const from = (address: string) => ({ "x-forwarded-for": address });
  const look = (as: string, address: string): Promise<Answer> =>
    api.call("GET /devices", { as, headers: from(address) });
  const put = (address: string, lists: { console?: string[]; apiTokens?: string[] }, as = owner) =>
    api.call("PUT /organization/allow-lists", {
      as,
      headers: from(address),
      body: { console: [], apiTokens: [], ...lists },
    });
  const outcome = ({ status, body }: Answer): unknown => (status === 403 ? body.code : status);

  it("takes sessions from these addresses only, IPv4, IPv6 and mapped", async () => {
    const set = await put("192.0.2.9", { console: ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"] });
    assert.equal(set.status, 200, JSON.stringify(set.body));
    assert.equal(set.body.yourAddress, "192.0.2.9");
    for (const inside of [
      "192.0.2.200",
      "::ffff:192.0.2.1",
      "::ffff:c000:201",
      "2001:db8::77",
      "198.51.100.7",
    ])
      assert.equal(outcome(await look(owner, inside)), 200, inside);
    for (const outside of ["192.0.3.1", "198.51.100.8", "2001:db9::1", "::1", "::ffff:192.0.3.1", "nonsense"])
      assert.equal(outcome(await look(owner, outside)), "address_not_allowed", outside);
    // The account is the person's own, and not of this organisation alone.
    assert.equal((await api.call("GET /me", { as: owner, headers: from("203.0.113.1") })).status, 200);
  });

  it("has another list for API tokens", async () => {
    const created = await api.call("POST /api-tokens", {
      as: owner,
      body: { name: "ci", scopes: ["admin"] },
    });
    const token = created.body.token as string;
    assert.equal((await put("192.0.2.9", { apiTokens: ["2001:db8::1"] })).status, 200);
    assert.equal(outcome(await look(token, "2001:db8::1")), 200);
    assert.equal(outcome(await look(token, "192.0.2.9")), "address_not_allowed");
    assert.equal(
      outcome(await api.call("GET /me", { as: token, headers: from("192.0.2.9") })),
      "address_not_allowed",
    );
    assert.equal(outcome(await look(owner, "192.0.2.9")), 200);
    assert.equal(outcome(await put("2001:db8::1", {}, token)), "session_required");
  });

  it("refuses a list that would lock the caller out, and changes nothing", async () => {
    const refused = await put("192.0.2.9", { console: ["10.0.0.0/8"] });
    assert.deepEqual([refused.status, refused.body.code], [409, "would_lock_out"]);
    assert.equal(outcome(await look(owner, "192.0.2.9")), 200);
    assert.equal(
      (await put("::ffff:192.0.2.9", { console: ["192.0.2.9"] })).status,
      200,
      "mapped is the same",
    );
    const late = await put("203.0.113.1", { console: [] });
    assert.equal(outcome(late), "address_not_allowed", "nor can somebody outside open it");
  });

  it("refuses what is no network, and more than it can check", async () => {
    for (const console of [["10.0.0.0/33"], ["example.com"], Array<string>(101).fill("192.0.2.9")]) {
      assert.equal((await put("192.0.2.9", { console })).body.code, "invalid_input");
    }
  });

  it("loses no change of two made at once, and records before and after", async () => {
    const read = await api.call("GET /organization/allow-lists", { as: owner });
    const ifMatch = { "if-match": read.headers.get("etag") ?? "" };
    const change = (apiTokens: string[]) =>
      api.call("PUT /organization/allow-lists", {
        as: owner,
        headers: ifMatch,
        body: { console: [], apiTokens },
      });
    const answers = await Promise.all([change(["192.0.2.1"]), change(["192.0.2.2"])]);
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 412]);
    const events = await api.store.events.list({ organizationId, kinds: ["allow-list.changed"], limit: 9 });
    assert.equal(events.length, 1);
    assert.deepEqual(events[0]?.details["before"], { apiTokens: [] });
  });

  it("is cleared by an administrator of the platform, who need not belong to it", async () => {
    await put("192.0.2.9", { console: ["192.0.2.9"] });
    assert.equal(outcome(await look(owner, "203.0.113.1")), "address_not_allowed");
    const path = `POST /platform/organizations/${organizationId}/allow-lists/clear`;
    assert.equal((await api.call(path, { as: owner })).status, 403);
    assert.equal((await api.call(path, { as: api.admin })).status, 204);
    assert.equal(outcome(await look(owner, "203.0.113.1")), 200);
    const [event] = await api.store.events.list({ organizationId, limit: 1 });
    assert.deepEqual([event?.kind, event?.actor.name], ["allow-list.changed", "admin"]);
  });
});
