import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCachedAuth, credentialsMaxAgeMs } from "./auth.ts";
import { createInClusterAuth } from "./in-cluster-auth.ts";
import { createKubeconfigAuth } from "./kubeconfig-auth.ts";

describe("when credentials are asked for", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "rciots-auth-"));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  const kubeconfig = async (user: object, cluster: object = {}): Promise<string> => {
    const path = join(dir, "kubeconfig");
    const document = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:1", ...cluster } }],
      users: [{ name: "u", user }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
      "current-context": "x",
    };
    await writeFile(path, JSON.stringify(document));
    return path;
  };

  it("reads them once for many callers, and again after a minute or a refusal", async () => {
    let [loads, nowMs] = [0, 0];
    const load = async () => ({ server: String(++loads), headers: {}, tls: {} });
    const auth = createCachedAuth(load, () => nowMs);
    await Promise.all([auth.credentials(), auth.credentials()]);
    assert.equal(loads, 1);
    nowMs = credentialsMaxAgeMs + 1;
    assert.equal((await auth.credentials()).server, "2");
    auth.invalidate();
    assert.equal((await auth.credentials()).server, "3");
  });

  it("does not keep a failure", async () => {
    let fails = true;
    const auth = createCachedAuth(async () => {
      if (fails) throw new Error("not yet");
      return { server: "s", headers: {}, tls: {} };
    });
    await assert.rejects(auth.credentials(), /not yet/);
    fails = false;
    assert.equal((await auth.credentials()).server, "s");
  });

  it("takes the Pod's service account and follows its rotation", async () => {
    await writeFile(join(dir, "token"), "first\n");
    await writeFile(join(dir, "ca.crt"), "CA");
    const auth = createInClusterAuth({ host: "fd00::1", port: "443", serviceAccountDir: dir });
    const credentials = await auth.credentials();
    assert.deepEqual(credentials, {
      server: "https://[fd00::1]:443",
      headers: { authorization: "Bearer first" },
      tls: { ca: "CA" },
    });
    await writeFile(join(dir, "token"), "second");
    auth.invalidate();
    assert.equal((await auth.credentials()).headers["authorization"], "Bearer second");
  });

  it("says that there is no service account", async () => {
    const auth = createInClusterAuth({ host: "h", port: "1", serviceAccountDir: join(dir, "none") });
    await assert.rejects(auth.credentials(), { code: "kube_service_account_unreadable" });
  });

  it("takes a token, a certificate and a server name from a kubeconfig", async () => {
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    const user = { token: "t", "client-certificate-data": base64("CERT"), "client-key-data": base64("KEY") };
    const cluster = { "certificate-authority-data": base64("CA"), "tls-server-name": "other" };
    const { server, headers, tls } = await createKubeconfigAuth({
      path: await kubeconfig(user, cluster),
    }).credentials();
    assert.equal(server, "https://127.0.0.1:1");
    assert.equal(headers["authorization"], "Bearer t");
    assert.deepEqual(
      [String(tls.ca), String(tls.cert), String(tls.key), tls.servername],
      ["CA", "CERT", "KEY", "other"],
    );
  });

  it("follows a token file that is rotated", async () => {
    await writeFile(join(dir, "token"), "first");
    const auth = createKubeconfigAuth({ path: await kubeconfig({ tokenFile: join(dir, "token") }) });
    assert.equal((await auth.credentials()).headers["authorization"], "Bearer first");
    await writeFile(join(dir, "token"), "second");
    auth.invalidate();
    assert.equal((await auth.credentials()).headers["authorization"], "Bearer second");
  });

  it("runs an exec plugin", async () => {
    const plugin = join(dir, "plugin");
    const credential = { kind: "ExecCredential", status: { token: "from-plugin" } };
    await writeFile(plugin, `#!/bin/sh\necho '${JSON.stringify(credential)}'\n`);
    await chmod(plugin, 0o755);
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command: plugin };
    const auth = createKubeconfigAuth({ path: await kubeconfig({ exec }) });
    assert.equal((await auth.credentials()).headers["authorization"], "Bearer from-plugin");
  });

  it("goes through the proxy that a kubeconfig names", async () => {
    const path = await kubeconfig({ token: "t" }, { "proxy-url": "http://127.0.0.1:9" });
    assert.ok((await createKubeconfigAuth({ path }).credentials()).proxyAgent);
  });

  it("says what is wrong with a kubeconfig", async () => {
    const missing = createKubeconfigAuth({ path: join(dir, "none") });
    await assert.rejects(missing.credentials(), { code: "kubeconfig_unusable", message: /none/ });
    const context = createKubeconfigAuth({ path: await kubeconfig({ token: "t" }), context: "other" });
    await assert.rejects(context.credentials(), { code: "kubeconfig_unusable", message: /no cluster/ });
  });
});
