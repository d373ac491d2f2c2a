import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { ConfigError } from "@rciots/runtime";
import { describeAgentSettings, deviceName, loadAgentConfig } from "./config.ts";

const surroundings = { isRoot: false, homeDir: "/home/me", hostName: "Edge_07.example.com" };
const base = { RCIOTS_PLATFORM_URL: "https://platform.test" };
const load = (env: Record<string, string> = {}, args: string[] = []) =>
  loadAgentConfig({ env: { ...base, ...env }, args }, surroundings);
function faultsOf(env: Record<string, string>, args: string[] = []): string[] {
  try {
    loadAgentConfig({ env, args }, surroundings);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return [...error.faults];
  }
  return assert.fail("it was accepted");
}

describe("when the agent is set up", () => {
  it("needs no more than the platform's address", () => {
    const config = load();
    assert.equal(config.platformUrl, "https://platform.test");
    assert.equal(config.deviceName, "edge-07");
    assert.equal(config.stateDir, "/home/me/.rciots-agent");
    assert.deepEqual(config.trust, { kind: "system" });
    assert.equal(config.proxyFor("platform.test", 443), undefined);
  });

  it("lets tunnels lead to the device itself and nowhere else, unless it is told more", () => {
    const { tunnels } = load();
    assert.ok(tunnels.allows("127.0.0.1", 22) && !tunnels.allows("192.168.1.7", 22));
    const more = load({ RCIOTS_TUNNEL_ALLOW: "loopback,192.168.1.0/24:22" }).tunnels;
    assert.ok(more.allows("192.168.1.7", 22) && !more.allows("192.168.1.7", 80));
    assert.equal(load({}, ["--tunnel-allow", "none"]).tunnels.isOpen, false);
    assert.match(faultsOf({ ...base, RCIOTS_TUNNEL_ALLOW: "everywhere" }).join(), /RCIOTS_TUNNEL_ALLOW/);
  });

  it("takes tunnels to ask for, repeated or from the environment", () => {
    assert.deepEqual(load().tunnelRequests, []);
    const { tunnelRequests } = load({}, ["--tunnel", "2222:22", "--tunnel=8080:[fd00::7]:80"]);
    assert.deepEqual(tunnelRequests, [
      { target: { host: "127.0.0.1", port: 22 }, port: 2_222 },
      { target: { host: "fd00::7", port: 80 }, port: 8_080 },
    ]);
    assert.equal(load({ RCIOTS_TUNNEL: "22, nas:80" }).tunnelRequests.length, 2);
    assert.match(
      faultsOf({ ...base, RCIOTS_TUNNEL: "fd00::7:80" }).join(),
      /RCIOTS_TUNNEL must be .*brackets/,
    );
  });

  it("keeps the state of a service where services keep it", () => {
    const config = loadAgentConfig({ env: base, args: [] }, { ...surroundings, isRoot: true });
    assert.equal(config.stateDir, "/var/lib/rciots-agent");
  });

  it("is named after its node in a pod, whose own name is another each time", () => {
    const RCIOTS_NODE_NAME = "edge-08.site.example.com";
    assert.equal(load({ RCIOTS_NODE_NAME }).deviceName, "edge-08");
    assert.equal(load({ RCIOTS_NODE_NAME, RCIOTS_DEVICE_NAME: "" }).deviceName, "edge-08");
    assert.equal(load({ RCIOTS_NODE_NAME, RCIOTS_DEVICE_NAME: "till-1" }).deviceName, "till-1");
  });

  it("takes flags before the environment", () => {
    const config = load({ RCIOTS_DEVICE_NAME: "from-env" }, [
      "--device-name",
      "from-flag",
      "--labels=site=a,rack=7",
    ]);
    assert.equal(config.deviceName, "from-flag");
    assert.deepEqual(config.labels, { site: "a", rack: "7" });
  });

  it("tells all faults at once, those of flags too", () => {
    const faults = faultsOf({ RCIOTS_LABELS: "no-value", RCIOTS_CA_FINGERPRINT: "abc" }, [
      "--platform-url",
      "http://platform.test",
      "--device-name=Not_Valid",
      "--bogus",
      "--log-level=loud",
      "--header=nonsense",
    ]);
    for (const name of [
      "--bogus",
      "LOG|log-level",
      "LABELS",
      "FINGERPRINT",
      "DEVICE_NAME",
      "https://",
      "HEADER",
    ])
      assert.ok(
        faults.some((fault) => new RegExp(name).test(fault)),
        `${name} in ${faults.join("; ")}`,
      );
  });

  it("does not take a token where every user of the machine can read it", () => {
    const [fault = ""] = faultsOf(base, ["--token=rcp_secret"]);
    assert.match(fault, /RCIOTS_TOKEN_FILE/);
    assert.doesNotMatch(fault, /rcp_secret/);
  });

  it("shows no secret in what it logs", () => {
    const config = load({
      RCIOTS_TOKEN: "rcp_secret",
      RCIOTS_PROXY: "http://user:secret@proxy.test",
      RCIOTS_HEADER: "X-Key: secret",
    });
    assert.doesNotMatch(JSON.stringify(config.shown), /secret"/);
    assert.equal(config.token, "rcp_secret");
  });

  it("takes headers repeated, with commas inside", () => {
    const config = load({}, ["--header", "X-One: a, b", "--header", "X-Two: c"]);
    assert.deepEqual(config.headers, { "x-one": "a, b", "x-two": "c" });
    assert.match(faultsOf({ ...base, RCIOTS_HEADER: "Authorization: mine" })[0] ?? "", /authorization/);
  });

  it("goes through the proxy of the environment, but for what NO_PROXY names", () => {
    const config = load({ HTTPS_PROXY: "http://proxy.test:3128", no_proxy: "local.test" });
    assert.equal(config.proxyFor("platform.test", 443)?.host, "proxy.test");
    assert.equal(config.proxyFor("edge.local.test", 443), undefined);
    const own = load({
      HTTPS_PROXY: "http://proxy.test:3128",
      RCIOTS_PROXY: "socks5://own.test",
      NO_PROXY: "*",
    });
    assert.equal(own.proxyFor("platform.test", 443)?.kind, "socks");
    const none = load({ HTTPS_PROXY: "http://proxy.test:3128", RCIOTS_PROXY: "none" });
    assert.equal(none.proxyFor("platform.test", 443), undefined);
  });

  it("turns any host's name into a device's", () => {
    assert.equal(deviceName(undefined, "-My Host!.lan"), "my-host");
    assert.equal(deviceName(undefined, "a".repeat(80)).length, 63);
    assert.throws(() => deviceName(undefined, "___"));
    assert.throws(() => deviceName("Edge", "host"));
  });

  it("describes every setting for --help", () => {
    for (const name of ["--platform-url", "RCIOTS_TOKEN_FILE", "--state-dir", "RCIOTS_PROXY"])
      assert.ok(describeAgentSettings().includes(name));
  });
});

describe("when the agent is told whom to trust", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "rciots-config-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it("reads a CA file, and says which one it can't use", async () => {
    const [good, bad] = [join(folder, "ca.pem"), join(folder, "bad.pem")];
    await writeFile(good, rootCertificates[0] ?? "");
    await writeFile(bad, "nothing");
    assert.deepEqual(load({ RCIOTS_CA_FILE: good }).trust, { kind: "ca", pem: rootCertificates[0] });
    assert.match(faultsOf({ ...base, RCIOTS_CA_FILE: bad })[0] ?? "", /no PEM certificate/);
    assert.match(faultsOf({ ...base, RCIOTS_CA_FILE: join(folder, "none.pem") })[0] ?? "", /ENOENT/);
    const both = { ...base, RCIOTS_CA_FILE: good, RCIOTS_CA_FINGERPRINT: "ab".repeat(32) };
    assert.match(faultsOf(both)[0] ?? "", /exclude each other/);
  });
});
