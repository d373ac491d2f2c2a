import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startApi, type ApiFixture } from "./api-fixture.ts";
import { kustomization } from "./route-samples.ts";

const configMap = (name: string, data: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\ndata:\n${data}`;
const filesOf = (contents: Record<string, string>) =>
  Object.entries(contents).map(([path, content]) => ({ path, content }));
const using = (data: string) =>
  filesOf({ "kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": configMap("a", data) });

describe("when the content of templates is looked at", () => {
  let api: ApiFixture;
  before(async () => {
    api = await startApi();
  });
  after(() => api.stop());

  const call = (request: string, body?: unknown) =>
    api.call(request, { as: api.admin, ...(body === undefined ? {} : { body }) });
  const create = async (name: string, files: unknown): Promise<{ id: string; versionId: string }> => {
    const { status, body } = await call("POST /templates", { name, files });
    assert.equal(status, 201, JSON.stringify(body));
    return { id: body.id as string, versionId: body.currentVersionId as string };
  };

  it("renders a draft, names what it needs, and stores nothing", async () => {
    await call("PUT /secrets/KNOWN", { value: "x" });
    const files = using("  a: ${PLACE:=here}\n  b: ${secret.KNOWN}\n  c: ${secret.LACKING}\n");
    const { status, body } = await call("POST /templates/render", { files });
    assert.equal(status, 200, JSON.stringify(body));
    assert.match(body.yaml, /^apiVersion: v1\ndata:\n {2}a: \$\{PLACE:=here\}/);
    assert.deepEqual(body.variables, ["PLACE"]);
    assert.deepEqual(body.secrets, ["KNOWN", "LACKING"]);
    assert.deepEqual(body.missingSecrets, ["LACKING"]);
    assert.deepEqual(body.objects, [{ apiVersion: "v1", kind: "ConfigMap", namespace: null, name: "a" }]);
    assert.deepEqual([body.commit, body.fileCount], [null, 2]);
    assert.deepEqual((await call("GET /templates")).body.items, []);
  });

  it("names the line of a draft's fault, of YAML, kustomize and placeholders", async () => {
    const cases: [ReturnType<typeof filesOf>, string, number][] = [
      [using("  a: [1\n"), "a.yaml", 6],
      [using("  a: 1\n  a: 2\n"), "a.yaml", 6],
      [using("  b: 1\n  a: ${X^^}\n"), "a.yaml", 6],
      [
        filesOf({
          "kustomization.yaml": "resources: [a.yaml]\n\nreplicas: [{name: gone, count: 1}]\n",
          "a.yaml": configMap("a", "  a: b\n"),
        }),
        "kustomization.yaml",
        3,
      ],
    ];
    for (const [files, file, line] of cases) {
      const { status, body } = await call("POST /templates/render", { files });
      assert.equal(status, 422, JSON.stringify(body));
      assert.deepEqual([body.faults[0].file, body.faults[0].line], [file, line], JSON.stringify(body));
    }
    const neither = await call("POST /templates/render", {});
    assert.equal(neither.status, 400);
  });

  it("renders a Git source before a template is made of it", async () => {
    const repository = mkdtempSync(join(tmpdir(), "rciots-draft-"));
    const git = (...args: string[]): unknown =>
      execFileSync("git", ["-c", "user.name=T", "-c", "user.email=t@example.com", ...args], {
        cwd: repository,
      });
    try {
      git("init", "--quiet", "-b", "main");
      for (const { path, content } of kustomization) writeFileSync(join(repository, path), content);
      git("add", ".");
      git("commit", "--quiet", "-m", "say hello");
      const source = { url: `file://${repository}`, ref: "main" };
      const { status, body } = await call("POST /templates/render", { git: source });
      assert.equal(status, 200, JSON.stringify(body));
      assert.equal(body.commit.subject, "say hello");
      assert.match(body.yaml, /greeting: hello/);
      const elsewhere = await call("POST /templates/render", { git: { ...source, path: "no/such" } });
      assert.equal(elsewhere.body.code, "git_path_not_found");
    } finally {
      rmSync(repository, { recursive: true, force: true });
    }
  });

  it("gives a version's files one by one, and its rendering", async () => {
    const { id, versionId } = await create("files", using("  a: é\n"));
    const path = `/templates/${id}/versions/${versionId}`;
    const { body } = await call(`GET ${path}/files`);
    assert.deepEqual(
      body.items.map((file: { path: string; sizeBytes: number }) => [file.path, file.sizeBytes]),
      [
        ["a.yaml", Buffer.byteLength(configMap("a", "  a: é\n"))],
        ["kustomization.yaml", 20],
      ],
    );
    const file = await call(`GET ${path}/file?path=kustomization.yaml`);
    assert.equal(file.body.content, "resources: [a.yaml]\n");
    assert.equal((await call(`GET ${path}/file?path=other`)).body.code, "file_not_found");
    assert.match((await call(`GET ${path}/rendered`)).body.yaml, /a: é/);
    const other = await create("other files", kustomization);
    const mixed = await call(`GET /templates/${other.id}/versions/${versionId}/files`);
    assert.equal(mixed.body.code, "template_version_not_found");
  });

  it("counts who uses templates, and how they are", async () => {
    const [used, unused] = [await create("used", kustomization), await create("unused", kustomization)];
    const healthy = await api.createDevice({ assignments: [{ templateId: used.id, pinnedVersionId: null }] });
    await api.createDevice({
      assignments: [{ templateId: used.id, pinnedVersionId: used.versionId }],
      observed: { ...healthy.observed, state: "healthy" },
      presence: { ...healthy.presence, online: true },
    });
    const { body } = await call(`GET /templates/usage?templateId=${unused.id}&templateId=${used.id}`);
    assert.deepEqual(body.items, [
      { templateId: unused.id, deviceCount: 0, followerCount: 0, onlineCount: 0, byState: {} },
      {
        templateId: used.id,
        deviceCount: 2,
        followerCount: 1,
        onlineCount: 1,
        byState: { healthy: 1, none: 1 },
      },
    ]);
    const stranger = await api.signInAs("viewer", await api.createOrganization());
    const foreign = await api.call(`GET /templates/usage?templateId=${used.id}`, { as: stranger });
    assert.equal(foreign.body.items[0].deviceCount, 0);
  });

  it("finds templates by name, in capitals or not", async () => {
    await create("Shop Front", kustomization);
    const { body } = await call("GET /templates?q=shop f");
    assert.deepEqual(
      body.items.map(({ name }: { name: string }) => name),
      ["Shop Front"],
    );
  });

  it("previews a template for a device without the device's overlay where that is asked for", async () => {
    const { id } = await create("previewed", using("  a: ${device.name}\n"));
    const device = await api.createDevice({});
    const overlay = filesOf({ "extra.yaml": configMap("extra", "  a: b\n") });
    assert.equal((await call(`PUT /devices/${device._id}/overlay`, { files: overlay })).status, 200);
    const names = async (rest: object): Promise<string[]> => {
      const body = { templates: [{ templateId: id }], ...rest };
      const answer = await call(`POST /devices/${device._id}/preview`, body);
      return (answer.body.objects as { name: string }[]).map(({ name }) => name).sort();
    };
    assert.deepEqual(await names({}), ["a", "extra"]);
    assert.deepEqual(await names({ overlay: false }), ["a"]);
  });
});

describe("when secrets and credentials are in use", () => {
  let api: ApiFixture;
  before(async () => {
    api = await startApi();
  });
  after(() => api.stop());
  const call = (request: string, body?: unknown) =>
    api.call(request, { as: api.admin, ...(body === undefined ? {} : { body }) });

  it("tells which templates refer to a secret now", async () => {
    for (const name of ["A", "B"]) await call(`PUT /secrets/${name}`, { value: "x" });
    const created = await call("POST /templates", { name: "web", files: using("  a: ${secret.A}\n") });
    const users = async () => {
      const { body } = await call("GET /secrets");
      return (body.items as { name: string; templates: { name: string }[] }[]).map(({ name, templates }) => [
        name,
        ...templates.map((template) => template.name),
      ]);
    };
    assert.deepEqual(await users(), [["A", "web"], ["B"]]);
    await call(`PATCH /templates/${created.body.id}`, { files: using("  a: ${secret.B}\n") });
    assert.deepEqual(await users(), [["A"], ["B", "web"]]);
    assert.equal((await call("GET /secrets/B")).body.templates[0].id, created.body.id);
  });

  it("looks at the repositories of a credential again when that is replaced", async () => {
    const value = { kind: "basic", username: "git", password: "wrong" };
    const credential = await call("POST /git-credentials", { name: "repo", credential: value });
    const id = credential.body.id as string;
    const template = await call("POST /templates", { name: "site", files: kustomization });
    const stored = await api.store.templates.find(api.organizationId, template.body.id as string);
    assert.ok(stored);
    const source = { kind: "git" as const, url: "https://127.0.0.1:1/x.git", ref: "", path: "" };
    const hour = new Date(Date.now() + 3_600_000);
    await api.store.templates.update(api.organizationId, stored._id, stored.version, {
      source: { ...source, credentialId: id, pollIntervalMs: 30_000 },
      sync: { ...stored.sync, status: "failed", nextAt: hour },
    });
    const { body } = await call("GET /git-credentials");
    assert.deepEqual(body.items[0].templates, [{ id: stored._id, name: "site" }]);
    await call(`PUT /git-credentials/${id}`, { ...value, password: "right" });
    const now = await api.store.templates.find(api.organizationId, stored._id);
    assert.ok((now?.sync.nextAt?.getTime() ?? Infinity) < hour.getTime());
  });
});
