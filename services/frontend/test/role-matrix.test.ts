import assert from "node:assert/strict";
import type { Route } from "@rciots/frontend";
import { hashToken, newId, newToken } from "@rciots/runtime";
import type { Role } from "@rciots/store";
import { inAnotherOrganization, startApi, type Answer, type ApiFixture } from "./api-fixture.ts";
import { operationsOf, type Json } from "./openapi-walk.ts";
import { createSamples, type Sample } from "./route-samples.ts";

/** Whether calling it changes something, were it only what is open. */
const changes = ({ method, socket }: Route): boolean => method !== "get" || socket !== undefined;

const ranks: readonly Role[] = ["viewer", "operator", "admin", "owner"];
/** What says that a caller is refused, whatever the call is about. */
const refusals = [
  "unauthorized",
  "role_required",
  "session_required",
  "no_organization",
  "platform_admin_required",
];

interface Who {
  name: string;
  role: Role | null;
  isToken?: boolean;
  isPlatformAdmin?: boolean;
  isAnonymous?: boolean;
  /** A new credential for each call: some calls end it. */
  credential: () => Promise<string | undefined>;
}

function mayCall(route: Route, who: Who): boolean {
  if (route.access === "public") return true;
  if (who.isAnonymous === true) return false;
  if (route.sessionOnly === true && who.isToken === true) return false;
  if (route.access === "signed-in") return true;
  if (route.access === "platform-admin") return who.isPlatformAdmin === true;
  return who.role !== null && ranks.indexOf(who.role) >= ranks.indexOf(route.access);
}

describe("when anybody calls any route", function () {
  this.timeout(120_000);
  let api: ApiFixture;
  let samples: ReturnType<typeof createSamples>;
  before(async () => {
    const loginLimits = { accountFailures: 1_000, addressFailures: 10_000, windowMs: 60_000 };
    const accountLimits = { requestsPerAddress: 1_000, mailsPerRecipient: 1_000, windowMs: 60_000 };
    api = await startApi({ loginLimits, accountLimits, signUp: "open" });
    samples = createSamples(api);
  });
  after(() => api.stop());

  async function apiToken(scope: string): Promise<string> {
    const session = await api.signInAs("owner");
    const userId = (await api.store.accounts.findSession(hashToken(session)))?.userId ?? "";
    const token = newToken("rca");
    await api.store.accounts.insertApiToken({
      _id: newId("tok"),
      organizationId: api.organizationId,
      userId,
      name: scope,
      hash: hashToken(token),
      scopes: [scope],
      expiresAt: null,
      lastUsedAt: null,
      createdAt: new Date(),
    });
    return token;
  }

  /** A new person for each call: some calls end all sessions of whoever makes them. */
  async function platformAdmin(): Promise<string> {
    const owner = await api.signInAs("owner");
    const session = await api.store.accounts.findSession(hashToken(owner));
    const user = await api.store.accounts.findUser(session?.userId ?? "");
    assert.ok(user);
    const id = newId("usr");
    const [email, username] = [`${id.toLowerCase()}@example.com`, id.toLowerCase()];
    await api.store.accounts.insertUser({ ...user, _id: id, email, username, isPlatformAdmin: true });
    const token = newToken("rcs");
    const expiresAt = new Date(Date.now() + 60_000);
    await api.store.accounts.insertSession({
      _id: hashToken(token),
      userId: id,
      createdAt: new Date(),
      expiresAt,
    });
    return token;
  }

  const callers: Who[] = [
    { name: "nobody", role: null, isAnonymous: true, credential: async () => undefined },
    { name: "a person without organisation", role: null, credential: () => api.signInAs(null) },
    ...ranks.map((role): Who => ({ name: `a ${role}`, role, credential: () => api.signInAs(role) })),
    { name: "a read token of an owner", role: "viewer", isToken: true, credential: () => apiToken("read") },
    {
      name: "a write token of an owner",
      role: "operator",
      isToken: true,
      credential: () => apiToken("write"),
    },
    { name: "an admin token of an owner", role: "owner", isToken: true, credential: () => apiToken("admin") },
    {
      name: "a token of an unknown scope",
      role: null,
      isToken: true,
      credential: () => apiToken("everything"),
    },
    { name: "the platform's administrator", role: "owner", isPlatformAdmin: true, credential: platformAdmin },
  ];

  async function call(route: Route, sample: Sample, as: string | undefined): Promise<Answer> {
    const path = route.path.replace(/\{(\w+)\}/g, (_all, name: string) => sample.params?.[name] ?? "missing");
    const query = sample.query === undefined ? "" : `?${new URLSearchParams(sample.query).toString()}`;
    return api.call(`${route.method.toUpperCase()} ${path}${query}`, {
      ...(as === undefined ? {} : { as }),
      ...(sample.body === undefined ? {} : { body: sample.body }),
      ...(sample.headers === undefined ? {} : { headers: sample.headers }),
    });
  }

  /** A call that is refused changes nothing: all of them may be about the same things. */
  const untouched = new Map<string, Sample>();
  async function refusedSampleOf(route: Route): Promise<Sample> {
    const sample = untouched.get(route.id) ?? (await sampleOf(route));
    untouched.set(route.id, sample);
    return sample;
  }

  async function sampleOf(route: Route, as?: string): Promise<Sample> {
    const sample = samples[route.id];
    assert.ok(sample, `route-samples.ts has no sample for ${route.id}: add one`);
    return sample(as);
  }

  it("has a sample for each route, and a route for each sample", () => {
    assert.deepEqual(Object.keys(samples).sort(), api.frontend.routes.map((route) => route.id).sort());
  });

  it("documents each route, with who may call it", async () => {
    const answer = await fetch(`${api.url}/api/v1/openapi.json`);
    const documented = operationsOf((await answer.json()) as Json).map(
      ({ id, method, path, about }) => `${id}: ${method} ${path} for ${about["x-rciots-access"] as string}`,
    );
    const declared = api.frontend.routes.map(
      ({ id, method, path, access }) => `${id}: ${method} ${path} for ${access}`,
    );
    assert.deepEqual(documented.sort(), declared.sort());
  });

  for (const who of callers) {
    it(`lets ${who.name} do what the route declares, and nothing else`, async () => {
      for (const route of api.frontend.routes) {
        const as = await who.credential();
        const sample = await (mayCall(route, who) ? sampleOf(route, as) : refusedSampleOf(route));
        const answer = await call(route, sample, as);
        const shown = `${route.id}: ${answer.status} ${JSON.stringify(answer.body)}`;
        if (mayCall(route, who)) {
          assert.equal(answer.status, sample.status ?? route.success.status, shown);
          assert.equal(refusals.includes(answer.body?.code as string), false, shown);
        } else {
          assert.equal(answer.status, who.isAnonymous === true ? 401 : 403, shown);
          assert.ok(refusals.includes(answer.body.code as string), shown);
        }
      }
    });
  }

  it("records every change", async () => {
    /** Change nothing, at least as the samples call them, or are recorded in an organisation of their own. */
    const exceptions = [
      "logout",
      "signUp",
      "resendSignUp",
      "revokeSession",
      "previewDevice",
      "renderTemplateDraft",
      "revokeDeviceCertificates",
      "setCurrentTemplateVersion",
      "createOrganization",
      "createPlatformOrganization",
      "clearAllowLists",
      "leaveOrganization",
      "acceptInvitation",
      "acceptInvitationWithAccount",
      "inspectInvitation",
      "setOrganizationStatus",
    ];
    const newest = async (): Promise<string | undefined> =>
      (await api.store.events.list({ organizationId: api.organizationId, limit: 1 }))[0]?._id;
    let count = 0;
    for (const route of api.frontend.routes.filter(
      (route) => changes(route) && !exceptions.includes(route.id),
    )) {
      const sample = await sampleOf(route, await api.signInAs("owner"));
      if (sample.status !== undefined) continue;
      const before = await newest();
      const answer = await call(route, sample, await platformAdmin());
      assert.equal(answer.status, route.success.status, `${route.id} ${JSON.stringify(answer.body)}`);
      assert.notEqual(await newest(), before, `${route.id} left no event`);
      count += 1;
    }
    assert.ok(count > 30, `${count} routes`);
  });

  it("lets a suspended organisation be looked at, not changed, by whomever", async () => {
    const suspended = await inAnotherOrganization(api);
    const ofSuspended = createSamples(suspended);
    const made = new Map<string, Sample>();
    for (const route of api.frontend.routes) {
      const sample = await ofSuspended[route.id]?.(suspended.admin);
      if (sample !== undefined) made.set(route.id, sample);
    }
    const { organizationId } = suspended;
    const body = { status: "suspended" };
    const set = await api.call(`PATCH /platform/organizations/${organizationId}`, { as: api.admin, body });
    assert.equal(set.status, 200);
    for (const route of api.frontend.routes.filter(({ access }) => ranks.includes(access as Role))) {
      // Without what would make it a call about yet another organisation.
      const { headers: _elsewhere, ...sample } = made.get(route.id) ?? {};
      const answer = await call(route, sample, suspended.admin);
      const shown = `${route.id}: ${answer.status} ${JSON.stringify(answer.body)}`;
      const isRead = route.socket?.isRead ?? route.method === "get";
      if (isRead) assert.equal(answer.status, sample.status ?? route.success.status, shown);
      else assert.equal(answer.body?.code, "organization_suspended", shown);
    }
  });

  it("refuses an organisation that one doesn't belong to, by header too", async () => {
    const other = await api.createOrganization();
    const headers = { "x-rciots-organization": other };
    const answer = await api.call("GET /devices", { as: api.admin, headers });
    assert.equal(answer.status, 404);
    const token = await apiToken("admin");
    assert.equal((await api.call("GET /devices", { as: token, headers })).status, 404);
  });
});
