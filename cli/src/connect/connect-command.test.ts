import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommandError } from "../command.ts";
import { configFile, readProfile, removeProfile, writeProfile } from "./config-file.ts";
import { parseLocal, parseTarget } from "./connect-command.ts";
import { loadPlatform, parseUrl, requireSafe } from "./platform.ts";

describe("when somebody says what to connect to", () => {
  it("takes a port of the device, and hosts that it reaches, IPv6 in brackets", () => {
    assert.deepEqual(parseTarget("22"), { kind: "tcp", host: "127.0.0.1", port: 22 });
    assert.deepEqual(parseTarget(":22"), { kind: "tcp", host: "127.0.0.1", port: 22 });
    assert.deepEqual(parseTarget("plc.local:502"), { kind: "tcp", host: "plc.local", port: 502 });
    assert.deepEqual(parseTarget("[fd00::1]:443"), { kind: "tcp", host: "fd00::1", port: 443 });
  });

  it("takes nothing else", () => {
    for (const text of ["", "ssh", "0", "70000", "host:", "fd00::1:443", "a b:1", "host:22:23", "x/y:1"])
      assert.throws(() => parseTarget(text), CommandError, text);
  });

  it("listens on loopback and a free port where nothing else is said", () => {
    assert.deepEqual(parseLocal(undefined), { host: "127.0.0.1", port: 0 });
    assert.deepEqual(parseLocal("2222"), { host: "127.0.0.1", port: 2222 });
    assert.deepEqual(parseLocal("[::1]:2222"), { host: "::1", port: 2222 });
  });
});

describe("when somebody logs in", () => {
  let folder: string;
  let env: Record<string, string>;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "rciots-cli-"));
    env = { XDG_CONFIG_HOME: folder };
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("keeps the token where nobody else can read it, and nothing where others could", () => {
    const file = configFile(env);
    const profile = { url: "https://console.example.com/", token: "rca_1" };
    writeProfile(file, profile);
    writeProfile(file, profile);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(readProfile(file), profile);
    chmodSync(file, 0o644);
    assert.throws(() => readProfile(file), /chmod 600/);
    removeProfile(file);
    assert.equal(readProfile(file), undefined);
  });

  it("lets the environment go before the file, and shows no platform another one's token", () => {
    writeProfile(configFile(env), { url: "https://one.example.com/", token: "rca_1" });
    assert.equal(loadPlatform(env, {}).token, "rca_1");
    assert.equal(loadPlatform({ ...env, RCIOTS_API_TOKEN: "rca_2" }, {}).token, "rca_2");
    const elsewhere = { ...env, RCIOTS_URL: "https://two.example.com" };
    assert.throws(() => loadPlatform(elsewhere, {}), /Log in first/);
    const both = loadPlatform({ ...elsewhere, RCIOTS_API_TOKEN: "rca_2" }, {});
    assert.deepEqual([both.url.host, both.token], ["two.example.com", "rca_2"]);
  });

  it("sends no token in clear to another machine", () => {
    for (const url of [
      "http://localhost:8080",
      "http://127.0.0.1",
      "http://[::1]:1",
      "https://x.example.com",
    ])
      requireSafe(parseUrl(url));
    assert.throws(() => requireSafe(parseUrl("http://console.example.com")), /https/);
    assert.throws(() => parseUrl("ftp://console.example.com"), CommandError);
    assert.equal(parseUrl("console.example.com").protocol, "https:");
  });

  it("trusts a file or a fingerprint, and not both", () => {
    const given = { ...env, RCIOTS_URL: "https://x.example.com", RCIOTS_API_TOKEN: "rca_1" };
    const sha256 = "ab".repeat(32);
    assert.deepEqual(loadPlatform(given, {}).trust, { kind: "system" });
    assert.deepEqual(loadPlatform(given, { caFingerprint: sha256 }).trust, { kind: "pin", sha256 });
    assert.throws(() => loadPlatform(given, { caFingerprint: "x" }), CommandError);
    assert.throws(() => loadPlatform(given, { caFile: join(folder, "missing") }), CommandError);
    assert.throws(() => loadPlatform(given, { caFile: "x", caFingerprint: sha256 }), /exclude/);
  });
});
