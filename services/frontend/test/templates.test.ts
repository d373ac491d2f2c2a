import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deviceDocument, eventually, startApi, type ApiFixture } from "./api-fixture.ts";
import { kustomization } from "./route-samples.ts";

const withGreeting = (greeting: string) => [
  kustomization[0],
  {
    path: "config.yaml",
    content: `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\ndata: { greeting: ${greeting} }\n`,
  },
];

describe("when templates are written inline", () => {
  let api: ApiFixture;
  before(async () => {
    api = await startApi();
  });
  after(() => api.stop());

  const call = (request: string, body?: unknown, headers: Record<string, string> = {}) =>
    api.call(request, { as: api.admin, headers, ...(body === undefined ? {} : { body }) });
  const create = async (name: string, files: unknown = kustomization): Promise<string> => {
    const answer = await call("POST /templates", { name, files });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return answer.body.id as string;
  };

  it("makes a version where the files changed, and none where they didn't", async () => {
    const id = await create("versions");
    const same = await call(`PATCH /templates/${id}`, { files: kustomization });
    assert.equal(same.body.versionCount, 1);
    assert.equal(same.body.version, 1);
    const changed = await call(`PATCH /templates/${id}`, { files: withGreeting("bye") });
    assert.equal(changed.body.versionCount, 2);
    const { body } = await call(`GET /templates/${id}/versions`);
    assert.deepEqual(
      body.items.map((version: { number: number; isCurrent: boolean }) => [
        version.number,
        version.isCurrent,
      ]),
      [
        [2, true],
        [1, false],
      ],
    );
    const first = body.items[1].id as string;
    const back = await call(`PUT /templates/${id}/current-version`, { versionId: first });
    assert.equal(back.body.currentVersionId, first);
    const foreign = await create("foreign");
    const other = (await call(`GET /templates/${foreign}`)).body.currentVersionId as string;
    assert.equal((await call(`PUT /templates/${id}/current-version`, { versionId: other })).status, 400);
  });

  it("says what is wrong with files, where, and stores nothing", async () => {
    const cases: [unknown, string][] = [
      [[{ path: "kustomization.yaml", content: "resources: [missing.yaml]\n" }], "missing.yaml"],
      [[{ path: "config.yaml", content: "a: 1\n" }], "kustomization"],
      [[kustomization[0], { path: "config.yaml", content: "a: [1\n" }], "config.yaml"],
      [[{ path: "kustomization.yaml", content: "resources: [https://example.com/x]\n" }], "example.com"],
      [[kustomization[0], { path: "../config.yaml", content: "x" }], ".."],
    ];
    for (const [files, word] of cases) {
      const answer = await call("POST /templates", { name: "broken", files });
      const shown = JSON.stringify(answer.body);
      assert.equal(answer.status, 422, shown);
      assert.ok(shown.includes(word), shown);
      assert.ok((answer.body.faults as unknown[]).length > 0, shown);
    }
    assert.equal((await call("GET /templates?q=broken")).body.items.length, 0);
  });

  it("takes large files, and refuses too large ones", async () => {
    const filler = `# ${"x".repeat(900_000)}\n`;
    const files = [
      ...kustomization,
      ...Array.from({ length: 8 }, (_, index) => ({ path: `f${index}.md`, content: filler })),
    ];
    await create("large", files);
    const more = [...files, { path: "g.md", content: filler }, { path: "h.md", content: filler }];
    assert.equal((await call("POST /templates", { name: "larger", files: more })).status, 422);
    const huge = Array.from({ length: 14 }, (_, index) => ({ path: `f${index}.md`, content: filler }));
    assert.equal((await call("POST /templates", { name: "huge", files: huge })).status, 413);
  });

  it("keeps names unique, and versions to who read them", async () => {
    const id = await create("unique");
    assert.equal(
      (await call("POST /templates", { name: "unique", files: kustomization })).body.code,
      "name_taken",
    );
    await create("other");
    assert.equal((await call(`PATCH /templates/${id}`, { name: "other" })).body.code, "name_taken");
    await call(`PATCH /templates/${id}`, { description: "new" }, { "if-match": '"1"' });
    assert.equal(
      (await call(`PATCH /templates/${id}`, { description: "x" }, { "if-match": '"1"' })).status,
      412,
    );
    assert.equal(
      (await call(`PATCH /templates/${id}`, { git: { ref: "main" } })).body.code,
      "template_kind_fixed",
    );
  });

  it("can't be deleted while devices or tokens use it", async () => {
    const id = await create("used");
    const device = await api.createDevice({ assignments: [{ templateId: id, pinnedVersionId: null }] });
    const refused = await call(`DELETE /templates/${id}`);
    assert.equal(refused.status, 409);
    assert.equal(refused.body.deviceCount, 1);
    await call(`PUT /devices/${device._id}/templates`, []);
    const token = await call("POST /provisioning-tokens", { name: "uses", templateIds: [id] });
    assert.equal((await call(`DELETE /templates/${id}`)).body.provisioningTokenCount, 1);
    await call(`DELETE /provisioning-tokens/${token.body.id}`);
    assert.equal((await call(`DELETE /templates/${id}`)).status, 204);
    assert.equal((await call(`GET /templates/${id}/versions`)).status, 404);
  });

  it("tells the devices that follow it, and no others", async () => {
    const id = await create("followed");
    const versionId = (await call(`GET /templates/${id}`)).body.currentVersionId as string;
    const { organizationId } = api;
    const follower = await api.createDevice({ assignments: [{ templateId: id, pinnedVersionId: null }] });
    await api.createDevice({ assignments: [{ templateId: id, pinnedVersionId: versionId }] });
    await api.store.deviceEnrollment.insertMany([deviceDocument({ organizationId })]);
    const told: string[] = [];
    const end = api.bus.subscribe("desired:changed", ({ deviceIds }) => told.push(...(deviceIds ?? ["all"])));
    await call(`PATCH /templates/${id}`, { files: withGreeting("news") });
    await eventually(() => assert.deepEqual(told, [follower._id]));
    end();
  });
});

describe("when templates come from Git", () => {
  let api: ApiFixture;
  let repository: string;
  const git = (...args: string[]): void => {
    execFileSync("git", ["-c", "user.name=T", "-c", "user.email=t@example.com", ...args], {
      cwd: repository,
      stdio: "pipe",
    });
  };
  const commit = (greeting: string): void => {
    for (const file of withGreeting(greeting))
      writeFileSync(join(repository, file?.path ?? ""), file?.content ?? "");
    git("add", ".");
    git("commit", "--quiet", "-m", `say ${greeting}`);
  };
  before(async () => {
    api = await startApi();
    repository = mkdtempSync(join(tmpdir(), "rciots-repository-"));
    git("init", "--quiet", "-b", "main");
    commit("hello");
  });
  after(async () => {
    await api.stop();
    rmSync(repository, { recursive: true, force: true });
  });

  const call = (request: string, body?: unknown) =>
    api.call(request, { as: api.admin, ...(body === undefined ? {} : { body }) });
  const source = () => ({ url: `file://${repository}`, ref: "main", pollIntervalMs: 30_000 });

  it("brings new commits in by itself and on demand, and stays with one that was set back", async () => {
    const created = await call("POST /templates", { name: "from-git", git: source() });
    assert.equal(created.status, 201, JSON.stringify(created.body));
    const id = created.body.id as string;
    const first = created.body.currentVersionId as string;
    const version = await call(`GET /templates/${id}/versions/${first}`);
    assert.equal(version.body.commit.subject, "say hello");

    commit("again");
    const refreshed = await call(`POST /templates/${id}/refresh`);
    assert.equal(refreshed.status, 200, JSON.stringify(refreshed.body));
    assert.equal(refreshed.body.versionCount, 2);
    await call(`PUT /templates/${id}/current-version`, { versionId: first });
    const unchanged = await call(`POST /templates/${id}/refresh`);
    assert.equal(unchanged.body.currentVersionId, first, "no new commit: the version that was set stays");

    commit("third");
    const stored = await api.store.templates.find(api.organizationId, id);
    assert.ok(stored);
    await api.store.templates.setSync(api.organizationId, id, { ...stored.sync, nextAt: new Date() });
    await eventually(async () => {
      const { body } = await call(`GET /templates/${id}/versions?limit=1`);
      assert.equal(body.items[0].commit.subject, "say third");
      assert.equal(body.items[0].isCurrent, true);
    });
  });

  it("keeps what it has and says so once where the repository is broken, and recovers", async () => {
    const created = await call("POST /templates", { name: "breaks", git: source() });
    const id = created.body.id as string;
    writeFileSync(join(repository, "kustomization.yaml"), "resources: [missing.yaml]\n");
    git("commit", "--quiet", "-am", "break it");
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const refused = await call(`POST /templates/${id}/refresh`);
      assert.equal(refused.status, 422, JSON.stringify(refused.body));
    }
    const { body } = await call(`GET /templates/${id}`);
    assert.equal(body.sync.status, "failed");
    assert.match(body.sync.message, /missing\.yaml/);
    assert.equal(body.currentVersionId, created.body.currentVersionId);
    commit("mended");
    assert.equal((await call(`POST /templates/${id}/refresh`)).body.sync.status, "ok");
    const events = await call("GET /events?kind=template.sync-failed&kind=template.version-created");
    const mine = events.body.items.filter(
      (event: { details: { templateId: string } }) => event.details.templateId === id,
    );
    assert.deepEqual(
      mine.map((event: { kind: string }) => event.kind),
      ["template.version-created", "template.sync-failed"],
    );
  });

  it("refuses what its policy doesn't allow, with words of its own", async () => {
    const cases: [Record<string, unknown>, number][] = [
      [{ url: "ftp://example.com/x.git" }, 422],
      [{ url: "ext::sh -c id" }, 400],
      [{ url: "https://user:password@example.com/x.git" }, 400],
      [{ url: "--upload-pack=id" }, 400],
      [{ ...source(), ref: "--all" }, 400],
      [{ ...source(), ref: "no-such-branch" }, 422],
      [{ ...source(), path: "no/such/folder" }, 422],
    ];
    for (const [gitSource, status] of cases) {
      const answer = await call("POST /templates", { name: "refused", git: gitSource });
      assert.equal(answer.status, status, `${JSON.stringify(gitSource)} ${JSON.stringify(answer.body)}`);
    }
    const tested = await call("POST /templates/test-git", { url: `file://${repository}`, ref: "main" });
    assert.match(tested.body.commit, /^[0-9a-f]{40}$/);
  });
});

describe("when secrets and credentials are stored", () => {
  it("gives neither out again, anywhere", async () => {
    const api = await startApi();
    try {
      const value = "the-secret-value-1234";
      await api.call("PUT /secrets/DB_PASSWORD", { as: api.admin, body: { value } });
      const again = await api.call("PUT /secrets/DB_PASSWORD", {
        as: api.admin,
        body: { value: `${value}5` },
      });
      assert.equal(again.body.version, 2);
      const credential = { kind: "basic", username: "ci", password: value };
      const created = await api.call("POST /git-credentials", {
        as: api.admin,
        body: { name: "repo", credential },
      });
      assert.equal(created.status, 201);
      const git = { url: "https://127.0.0.1:1/x.git", credentialId: created.body.id as string };
      const failed = await api.call("POST /templates", { as: api.admin, body: { name: "x", git } });
      assert.ok(failed.status >= 400);
      const everything = [failed.body];
      for (const path of ["/secrets", "/secrets/DB_PASSWORD", "/git-credentials", "/events?limit=500"]) {
        everything.push((await api.call(`GET ${path}`, { as: api.admin })).body);
      }
      assert.equal(JSON.stringify(everything).includes(value), false);
      const stored = await api.store.secrets.find(api.organizationId, "DB_PASSWORD");
      assert.equal(stored?.sealed.includes(value), false);
      assert.equal((await api.call("DELETE /secrets/DB_PASSWORD", { as: api.admin })).status, 204);
      assert.equal((await api.call("DELETE /secrets/DB_PASSWORD", { as: api.admin })).status, 404);
    } finally {
      await api.stop();
    }
  });
});
