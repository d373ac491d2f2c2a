import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import {
  createTestRepositories,
  type TestRepositories,
  type TestRepository,
} from "../../../../test/harness/git-server.ts";
import { findSshd, startSshServer, type SshServer } from "../../../../test/harness/ssh-server.ts";
import type { GitRemote } from "./git-request.ts";
import { createGitSource, type GitSource } from "./git-source.ts";

describe("when a template comes from Git over SSH", () => {
  let repositories: TestRepositories;
  let repository: TestRepository;
  let server: SshServer;
  let cacheDir: string;
  let source: GitSource;
  let commit: string;

  const createSource = (policy: Record<string, boolean> = {}): GitSource =>
    createGitSource({
      cacheDir,
      pathEnv: process.env["PATH"] ?? "",
      policy: { allowPrivateAddresses: true, ...policy },
      timeoutMs: 15_000,
    });
  const remote = (more: Partial<GitRemote> = {}): GitRemote => ({
    url: `ssh://${server.user}@127.0.0.1:${server.port}${repository.path}`,
    scope: "org-1",
    credential: { type: "ssh", privateKey: server.privateKey },
    knownHosts: server.knownHosts,
    ...more,
  });

  before(async function () {
    if ((await findSshd()) === null) {
      if (this.test !== undefined) this.test.title += " (skipped: sshd is not installed)";
      this.skip();
    }
    server = await startSshServer();
    repositories = await createTestRepositories();
    repository = await repositories.create("app");
    commit = await repository.commit({ "kustomization.yaml": "resources: []\n" });
    cacheDir = await mkdtemp(join(tmpdir(), "rciots git%h ssh-"));
    source = createSource();
  });
  after(async () => {
    await server?.stop();
    await repositories?.remove();
    if (cacheDir === undefined) return;
    const left = await readdir(join(cacheDir, "work"));
    await rm(cacheDir, { recursive: true, force: true });
    assert.deepEqual(left, [], "a private key was left behind");
  });

  it("reads with a key from a host whose key is known", async () => {
    const snapshot = await source.fetch(remote());
    assert.equal(snapshot.commit, commit);
    assert.equal(snapshot.files[0]?.path, "kustomization.yaml");
  });

  it("refuses a host that shows another key, before it shows its own", async () => {
    await assert.rejects(source.resolve(remote({ knownHosts: server.wrongKnownHosts })), {
      code: "git_host_key_mismatch",
    });
    await assert.rejects(source.resolve(remote({ knownHosts: "" })), { code: "git_host_key_mismatch" });
  });

  it("wants known host keys unless new ones are accepted, and then keeps the first", async () => {
    await assert.rejects(source.resolve({ ...remote(), knownHosts: undefined }), {
      code: "git_host_key_required",
    });
    const trusting = createSource({ acceptNewHostKeys: true });
    assert.equal((await trusting.resolve({ ...remote(), knownHosts: undefined })).commit, commit);
    assert.equal((await readdir(join(cacheDir, "known_hosts"))).length, 1);
    assert.equal((await trusting.resolve({ ...remote(), knownHosts: undefined })).commit, commit);
    await assert.rejects(trusting.resolve(remote({ knownHosts: server.wrongKnownHosts })), {
      code: "git_host_key_mismatch",
    });
  });

  it("says when the key is not let in, cannot be read or is missing", async () => {
    await assert.rejects(
      source.resolve(remote({ credential: { type: "ssh", privateKey: server.strangerKey } })),
      { code: "git_auth_failed", message: /did not accept/ },
    );
    await assert.rejects(source.resolve(remote({ credential: { type: "ssh", privateKey: "rubbish" } })), {
      code: "git_auth_failed",
      message: /cannot be read/,
    });
    await assert.rejects(source.resolve(remote({ credential: undefined })), {
      code: "git_credential_invalid",
    });
  });

  it("distinguishes a repository and a server that are not there", async () => {
    await assert.rejects(source.resolve(remote({ url: `${remote().url}x` })), {
      code: "git_repository_not_found",
    });
    await assert.rejects(source.resolve(remote({ url: `ssh://${server.user}@127.0.0.1:1/a.git` })), {
      code: "git_unreachable",
    });
  });
});
