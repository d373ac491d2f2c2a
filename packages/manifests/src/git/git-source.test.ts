import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "mocha";
import { eventually } from "../../../../test/harness/eventually.ts";
import {
  createLocalCertificate,
  createTestRepositories,
  hasGitHttpBackend,
  startGitServer,
  type GitServer,
  type GitServerOptions,
  type TestRepositories,
  type TestRepository,
} from "../../../../test/harness/git-server.ts";
import { faultsOf } from "../manifest-fault.ts";
import type { GitCredential, GitFetchRequest } from "./git-request.ts";
import { createGitSource, type GitSource, type GitSourceOptions } from "./git-source.ts";

const pathEnv = process.env["PATH"] ?? "/usr/bin:/bin";
const open = { allowPrivateAddresses: true, allowPlainHttp: true };
const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
const plain = { "kustomization.yaml": "resources: [cm.yaml]\n", "cm.yaml": configMap };

describe("when a template comes from Git", () => {
  let repositories: TestRepositories;
  let repository: TestRepository;
  let server: GitServer;
  let cacheDir: string;
  let source: GitSource;
  const started: GitServer[] = [];

  const start = async (options: Partial<GitServerOptions> = {}): Promise<GitServer> => {
    const running = await startGitServer({ folder: repositories.folder, ...options });
    started.push(running);
    return running;
  };
  const createSource = (options: Partial<GitSourceOptions> = {}): GitSource =>
    createGitSource({ cacheDir, pathEnv, policy: open, timeoutMs: 15_000, ...options });
  const request = (more: Partial<GitFetchRequest> = {}, at: GitServer = server): GitFetchRequest => ({
    url: `${at.url}/${repository.name}.git`,
    scope: "org-1",
    ...more,
  });
  let count = 0;

  before(async function () {
    if (!(await hasGitHttpBackend())) {
      if (this.test !== undefined) this.test.title += " (skipped: git http-backend is not installed)";
      this.skip();
    }
    repositories = await createTestRepositories();
    server = await startGitServer({ folder: repositories.folder });
  });
  beforeEach(async () => {
    repository = await repositories.create(`app-${(count += 1)}`);
    cacheDir = await mkdtemp(join(tmpdir(), "rciots-git-cache-"));
    source = createSource();
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((running) => running.stop()));
    const left = await readdir(join(cacheDir, "work")).catch(() => []);
    await rm(cacheDir, { recursive: true, force: true });
    assert.deepEqual(left, [], "files of an operation were left behind");
  });
  after(async () => {
    await server?.stop();
    await repositories?.remove();
  });

  describe("when refs are resolved", () => {
    it("knows HEAD, branches, full refs, commits and annotated tags", async () => {
      const first = await repository.commit(plain);
      await repository.git("tag", "--annotate", "--message", "x", "v1");
      const second = await repository.commit({ ...plain, a: "1" }, { branch: "dev" });
      assert.deepEqual(await source.resolve(request()), { commit: first, ref: "HEAD" });
      assert.deepEqual(await source.resolve(request({ ref: "dev" })), {
        commit: second,
        ref: "refs/heads/dev",
      });
      assert.deepEqual(await source.resolve(request({ ref: "refs/heads/main" })), {
        commit: first,
        ref: "refs/heads/main",
      });
      assert.deepEqual(await source.resolve(request({ ref: "v1" })), { commit: first, ref: "refs/tags/v1" });
      assert.deepEqual(await source.resolve(request({ ref: first })), { commit: first, ref: null });
    });

    it("matches whole names only, and refuses a name that is a branch and a tag", async () => {
      await repository.commit(plain, { branch: "x/refs/heads/main" });
      await assert.rejects(source.resolve(request({ ref: "main" })), { code: "git_ref_not_found" });
      await repository.commit(plain, { branch: "both" });
      await repository.git("tag", "both");
      await repository.publish();
      await assert.rejects(source.resolve(request({ ref: "both" })), {
        code: "git_ref_ambiguous",
        message: /refs\/heads\/both or refs\/tags\/both/,
      });
    });

    it("says that an empty repository has no commits", async () => {
      await assert.rejects(source.resolve(request()), {
        code: "git_ref_not_found",
        message: /no commits yet/,
      });
    });
  });

  describe("when files are fetched", () => {
    it("gives the folder's files with the commit's story", async () => {
      const commit = await repository.commit(
        {
          "deploy/kustomization.yaml": "resources: [cm.yaml]\n",
          "deploy/cm.yaml": configMap,
          "README.md": "x",
        },
        { message: "Say ü\n\nand more" },
      );
      const snapshot = await source.fetch(request({ path: "./deploy/" }));
      assert.equal(snapshot.commit, commit);
      assert.equal(snapshot.root, "deploy");
      assert.deepEqual(
        snapshot.files.map(({ path }) => path),
        ["deploy/cm.yaml", "deploy/kustomization.yaml"],
      );
      assert.equal(snapshot.files[0]?.content, configMap);
      assert.equal(snapshot.subject, "Say ü");
      assert.deepEqual(snapshot.author, { name: "Ada Lovelace", email: "ada@example.com" });
      assert.ok(!Number.isNaN(Date.parse(snapshot.committedAt)));
    });

    it("brings the bases that a kustomization names elsewhere in the repository", async () => {
      await repository.commit({
        "apps/web/prod/kustomization.yaml": "resources: [../base]\ncomponents: [../../../shared]\n",
        "apps/web/base/kustomization.yaml": "resources: [cm.yaml]\n",
        "apps/web/base/cm.yaml": configMap,
        "shared/kustomization.yaml": "kind: Component\n",
        "other/secret.yaml": "x",
      });
      const { files, root } = await source.fetch(request({ path: "apps/web/prod" }));
      assert.equal(root, "apps/web/prod");
      assert.deepEqual(
        files.map(({ path }) => path),
        [
          "apps/web/base/cm.yaml",
          "apps/web/base/kustomization.yaml",
          "apps/web/prod/kustomization.yaml",
          "shared/kustomization.yaml",
        ],
      );
    });

    it("follows a branch, a rewritten one too, and fetches a commit once", async () => {
      const first = await repository.commit({ ...plain, "v.txt": "1" });
      assert.equal((await source.fetch(request({ ref: "main" }))).commit, first);
      const second = await repository.commit({ ...plain, "v.txt": "2" });
      assert.equal((await source.fetch(request({ ref: "main" }))).commit, second);
      const packs = server.requests.filter(
        (line) => line.startsWith("POST") && line.includes(repository.name),
      ).length;
      assert.equal((await source.fetch(request({ ref: "main" }))).commit, second);
      const later = server.requests.filter(
        (line) => line.startsWith("POST") && line.includes(repository.name),
      ).length;
      assert.ok(later - packs <= 1, "the listing of refs is all that is asked for");
      await repository.git("reset", "--quiet", "--hard", first);
      const third = await repository.commit({ ...plain, "v.txt": "3" });
      const snapshot = await source.fetch(request({ ref: "main" }));
      assert.equal(snapshot.commit, third);
      assert.equal(snapshot.files.find(({ path }) => path === "v.txt")?.content, "3");
    });

    it("reads a commit that is no tip, also from a server that gives out tips only", async () => {
      const first = await repository.commit({ ...plain, "v.txt": "1" });
      await repository.commit({ ...plain, "v.txt": "2" });
      assert.equal((await source.fetch(request({ commit: first }))).commit, first);
      const old = await start({ firstProtocol: true });
      const snapshot = await source.fetch(request({ commit: first, scope: "org-2" }, old));
      assert.equal(snapshot.files.find(({ path }) => path === "v.txt")?.content, "1");
      await assert.rejects(source.fetch(request({ commit: "0123456789".repeat(4) }, old)), {
        code: "git_ref_not_found",
      });
      await assert.rejects(source.fetch(request({ commit: "main" })), { code: "git_ref_not_found" });
    });

    it("leaves files out that are not text, and says which", async () => {
      await repository.commit({ ...plain, "logo.png": Buffer.from([0x89, 0x50, 0, 0xff]) });
      const { files, skipped } = await source.fetch(request());
      assert.deepEqual(skipped, ["logo.png"]);
      assert.equal(files.length, 2);
    });

    it("keeps line ends and does not run attributes, filters or hooks", async () => {
      await repository.commit({
        ...plain,
        ".gitattributes": "* text=auto eol=crlf filter=lfs ident\n",
        "a.txt": "$Id$ a\nb\n",
      });
      const { files } = await source.fetch(request());
      assert.equal(files.find(({ path }) => path === "a.txt")?.content, "$Id$ a\nb\n");
    });

    it("serves many at once on one repository and on several", async () => {
      const commit = await repository.commit(plain);
      const results = await Promise.all(
        Array.from({ length: 6 }, (_, index) => source.fetch(request({ scope: `org-${index % 2}` }))),
      );
      assert.ok(results.every((result) => result.commit === commit && result.files.length === 2));
      assert.equal((await readdir(join(cacheDir, "repositories"))).length, 2);
    });
  });

  describe("when the content is not as it should be", () => {
    it("refuses symbolic links and submodules in the folder by name, and passes those outside", async () => {
      await repository.commit(plain);
      const object = (content: string): string =>
        execFileSync("git", ["hash-object", "-w", "--stdin"], { cwd: repository.work, input: content })
          .toString()
          .trim();
      await repository.git(
        "update-index",
        "--add",
        "--cacheinfo",
        `120000,${object("/etc/passwd")},d/link.yaml`,
      );
      await repository.git("update-index", "--add", "--cacheinfo", `160000,${"1".repeat(40)},d/module`);
      await repository.git(
        "update-index",
        "--add",
        "--cacheinfo",
        `100644,${object("resources: []\n")},ok/kustomization.yaml`,
      );
      await repository.git("commit", "--quiet", "--message", "x");
      await repository.publish();
      const error = await source.fetch(request({ path: "d" })).catch((thrown: unknown) => thrown);
      assert.deepEqual(
        faultsOf(error).map(({ code, file }) => `${code} ${file}`),
        ["symlink_not_allowed d/link.yaml", "submodule_not_allowed d/module"],
      );
      assert.equal((await source.fetch(request({ path: "ok" }))).files.length, 1);
    });

    it("refuses names that are unsafe on some file system", async () => {
      await repository.commit(plain);
      await writeFile(join(repository.work, "a\\b.yaml"), "");
      await repository.git("add", "--all");
      await repository.git("commit", "--quiet", "--message", "x");
      await repository.publish();
      await assert.rejects(source.fetch(request()), { code: "invalid_path" });
    });

    it("refuses large files by their size in the tree, and too many files", async () => {
      await repository.commit({ ...plain, "big.txt": "x".repeat(2 * 1024 * 1024) });
      await assert.rejects(source.fetch(request()), {
        code: "file_too_large",
        message: /"big.txt" is larger than 1 MiB/,
      });
      const tight = createSource({ limits: { maxFiles: 2, maxFileBytes: 4e6 } });
      await assert.rejects(tight.fetch(request()), { code: "too_many_files" });
      await assert.rejects(
        createSource({ limits: { maxTotalBytes: 1000, maxFileBytes: 4e6 } }).fetch(request()),
        { code: "files_too_large" },
      );
    });

    it("ends a fetch that brings more than the limit, and recovers", async () => {
      await repository.commit({ ...plain, blob: randomBytes(3_000_000) });
      const tight = createSource({ limits: { maxRepositoryBytes: 1_000_000 } });
      await assert.rejects(tight.fetch(request()), { code: "git_too_large", status: 413 });
      const left = await readdir(join(cacheDir, "repositories"));
      assert.deepEqual(left, [], "half a repository was left behind");
      const small = await repository.commit(plain, { branch: "orphan" });
      await repository.git("checkout", "--quiet", "--orphan", "fresh");
      await repository.git("commit", "--quiet", "--message", "x");
      await repository.publish();
      assert.notEqual((await tight.fetch(request({ ref: "fresh" }))).commit, small);
    });

    it("begins a cache anew that has grown over the limit", async () => {
      const tight = createSource({ limits: { maxRepositoryBytes: 600_000 } });
      for (let round = 0; round < 3; round += 1) {
        await repository.git("checkout", "--quiet", "--orphan", `b${round}`);
        const commit = await repository.commit(
          { ...plain, "noise.txt": randomBytes(200_000).toString("hex") },
          { branch: `b${round}` },
        );
        assert.equal((await tight.fetch(request({ ref: `b${round}` }))).commit, commit);
      }
      const [cache = ""] = await readdir(join(cacheDir, "repositories"));
      const packs = await readdir(join(cacheDir, "repositories", cache, "objects", "pack"));
      const sizes = await Promise.all(
        packs.map(
          async (name) => (await stat(join(cacheDir, "repositories", cache, "objects", "pack", name))).size,
        ),
      );
      assert.ok(sizes.reduce((sum, size) => sum + size, 0) < 1_200_000);
    });

    it("distinguishes a folder, a repository, a ref and a server that are not there", async () => {
      await repository.commit(plain);
      await assert.rejects(source.fetch(request({ path: "nope" })), { code: "git_path_not_found" });
      await assert.rejects(source.fetch(request({ path: "cm.yaml" })), { code: "git_path_not_found" });
      await assert.rejects(source.fetch(request({ path: "../x" })), { code: "invalid_path" });
      await assert.rejects(source.fetch(request({ url: `${server.url}/none.git` })), {
        code: "git_repository_not_found",
      });
      await assert.rejects(source.fetch(request({ ref: "redirect-tls-fsck" })), {
        code: "git_ref_not_found",
      });
      await assert.rejects(source.fetch(request({ url: "http://127.0.0.1:1/a.git" })), {
        code: "git_unreachable",
      });
    });
  });

  describe("when the server asks who we are", () => {
    const user = { name: "ada", password: "s3cret-password-42" };
    const basic: GitCredential = { type: "basic", username: user.name, password: user.password };

    /** Everything under a folder as text. */
    const readAll = async (folder: string): Promise<string> => {
      const names = await readdir(folder, { recursive: true, withFileTypes: true });
      const files = names
        .filter((name) => name.isFile())
        .map((name) => readFile(join(name.parentPath, name.name), "latin1"));
      return (await Promise.all(files)).join("\n");
    };

    it("sends a password, a token or a bearer token", async () => {
      const commit = await repository.commit(plain);
      const closed = await start({ user });
      assert.equal((await source.fetch(request({ credential: basic }, closed))).commit, commit);
      const asToken: GitCredential = { type: "token", token: user.password, username: user.name };
      assert.equal((await source.resolve(request({ credential: asToken }, closed))).commit, commit);
      const bearer = await start({ bearer: "tok-en_123" });
      assert.equal(
        (await source.resolve(request({ credential: { type: "bearer", token: "tok-en_123" } }, bearer)))
          .commit,
        commit,
      );
    });

    it("says so when there is no credential or a wrong one, without showing it", async () => {
      await repository.commit(plain);
      const closed = await start({ user });
      await assert.rejects(source.resolve(request({}, closed)), { code: "git_auth_failed" });
      const wrong = { ...basic, password: "wrong-password-1" };
      const error = (await source
        .resolve(request({ credential: wrong }, closed))
        .catch((thrown: unknown) => thrown)) as Error & { code: string };
      assert.equal(error.code, "git_auth_failed");
      const encoded = Buffer.from(`${user.name}:wrong-password-1`).toString("base64");
      const shown = `${error.stack} ${JSON.stringify(error)} ${String((error.cause as Error | undefined)?.stack)}`;
      assert.ok(!shown.includes("wrong-password-1") && !shown.includes(encoded), shown);
    });

    it("asks again who reads, even when the cache has the commit", async () => {
      const commit = await repository.commit(plain);
      const closed = await start({ user });
      await source.fetch(request({ credential: basic }, closed));
      await assert.rejects(source.fetch(request({ commit }, closed)), { code: "git_auth_failed" });
    });

    it("keeps the credential out of arguments, environment and the cache", async () => {
      await repository.commit(plain);
      const closed = await start({ user });
      const spied = join(cacheDir, "spy");
      await mkdir(spied);
      const git = execFileSync("sh", ["-c", "command -v git"]).toString().trim();
      await writeFile(
        join(spied, "git"),
        `#!/bin/sh\n{ printf '%s\\n' "$@"; env; } >> "${spied}/log"\nexec ${git} "$@"\n`,
      );
      await chmod(join(spied, "git"), 0o755);
      const watched = createSource({ pathEnv: `${spied}:${pathEnv}` });
      await watched.fetch(request({ credential: basic }, closed));
      const log = await readFile(join(spied, "log"), "utf8");
      assert.match(log, /^fetch$/m);
      const secrets = [user.password, Buffer.from(`${user.name}:${user.password}`).toString("base64")];
      const kept = log + (await readAll(cacheDir));
      for (const secret of secrets) assert.ok(!kept.includes(secret), "the credential was written somewhere");
      assert.ok(!log.includes("HOME=/root\n") && !/SSH_AUTH_SOCK|GIT_ASKPASS/.test(log));
      assert.ok(closed.authorizations.length > 0);
    });

    it("refuses credentials that do not fit the URL or would add headers", async () => {
      const invalid = { code: "git_credential_invalid" };
      await assert.rejects(
        source.resolve(request({ credential: { type: "ssh", privateKey: "x" } })),
        invalid,
      );
      await assert.rejects(
        source.resolve(request({ credential: { type: "bearer", token: "a\r\nX: y" } })),
        invalid,
      );
      await assert.rejects(source.resolve(request({ credential: { ...basic, username: "a:b" } })), invalid);
      await assert.rejects(
        source.resolve(request({ url: "git@127.0.0.1:a.git", credential: basic })),
        invalid,
      );
    });
  });

  describe("when the way there is not as it should be", () => {
    it("keeps to the address that was checked", async () => {
      const commit = await repository.commit(plain);
      const url = `http://git.example.test:${server.port}/${repository.name}.git`;
      const pinned = createSource({ lookUp: async () => ["127.0.0.1"] });
      assert.equal((await pinned.resolve(request({ url }))).commit, commit);
    });

    it("refuses private addresses by name, number and mapped form", async () => {
      const strict = createSource({ policy: { allowPlainHttp: true } });
      for (const host of [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0x7f000001",
        "169.254.169.254",
      ]) {
        const before = server.requests.length;
        await assert.rejects(
          strict.resolve(request({ url: `http://${host}:${server.port}/a.git` })),
          { code: "git_address_not_allowed" },
          host,
        );
        assert.equal(server.requests.length, before);
      }
      await assert.rejects(
        strict.resolve(
          request({
            url: "git@127.0.0.1:a.git",
            credential: { type: "ssh", privateKey: "x" },
            knownHosts: "x",
          }),
        ),
        { code: "git_address_not_allowed" },
      );
    });

    it("does not follow redirects", async () => {
      await repository.commit(plain);
      const from = await start({
        intercept: (incoming, response) => {
          response.writeHead(302, { location: `${server.url}${incoming.url}` }).end();
          return true;
        },
      });
      const before = server.requests.length;
      await assert.rejects(source.resolve(request({}, from)), { code: "git_redirected" });
      assert.equal(server.requests.length, before);
    });

    it("trusts a certificate that it is given, and no other", async function () {
      const commit = await repository.commit(plain);
      const tls = await createLocalCertificate(repositories.folder);
      const secure = await start({ tls });
      await assert.rejects(source.resolve(request({}, secure)), { code: "git_tls_failed" });
      assert.equal((await source.resolve(request({ caCertificates: tls.cert }, secure))).commit, commit);
    });

    it("ends git and its children at the timeout and on abort", async () => {
      await repository.commit(plain);
      const silent = await start({ intercept: () => true });
      const running = (): string =>
        execFileSync("ps", ["-eo", "stat=,args="])
          .toString()
          .split("\n")
          .filter((line) => !line.startsWith("Z") && line.includes(`127.0.0.1:${silent.port}`))
          .join("\n");
      await assert.rejects(createSource({ timeoutMs: 500 }).resolve(request({}, silent)), {
        code: "git_timeout",
        status: 504,
      });
      await eventually(() => assert.equal(running(), ""));
      const controller = new AbortController();
      const hanging = source.resolve(request({ signal: controller.signal, scope: "org-2" }, silent));
      await eventually(() => assert.notEqual(running(), ""));
      controller.abort();
      await assert.rejects(hanging, { code: "aborted" });
      await eventually(() => assert.equal(running(), ""));
    });

    it("serves one organisation while another's servers hang", async () => {
      const commit = await repository.commit(plain);
      const silent = await start({ intercept: () => true });
      const controller = new AbortController();
      const hanging = ["a", "b", "c", "d"].map((name) =>
        source.resolve({ url: `${silent.url}/${name}.git`, scope: "org-2", signal: controller.signal }),
      );
      const ended = Promise.allSettled(hanging);
      await eventually(() => assert.equal(silent.requests.length, 2));
      assert.equal((await source.resolve(request())).commit, commit);
      controller.abort();
      assert.ok((await ended).every(({ status }) => status === "rejected"));
    });

    it("refuses a server that sends rubbish", async () => {
      await repository.commit(plain);
      const broken = await start({
        intercept: (incoming, response) => {
          if (incoming.method === "GET") return false;
          response.writeHead(200, { "content-type": "application/x-git-upload-pack-result" }).end("rubbish");
          return true;
        },
      });
      await assert.rejects(source.fetch(request({}, broken)), (error: { code: string }) =>
        /^git_(?:failed|unreachable|content_refused)$/.test(error.code),
      );
      assert.equal((await source.fetch(request())).files.length, 2);
    });

    it("reads files of this machine only when that is allowed", async () => {
      const commit = await repository.commit(plain);
      const url = `file://${repository.path}`;
      await assert.rejects(source.resolve(request({ url })), { code: "git_transport_not_allowed" });
      const local = createSource({ policy: { allowFileUrls: true } });
      assert.equal((await local.fetch(request({ url }))).commit, commit);
    });

    it("says when git is not there, and tries again later", async () => {
      const without = createSource({ pathEnv: join(cacheDir, "empty") });
      await assert.rejects(without.resolve(request()), { code: "git_unavailable", status: 503 });
      await assert.rejects(without.resolve(request()), { code: "git_unavailable" });
    });
  });
});
