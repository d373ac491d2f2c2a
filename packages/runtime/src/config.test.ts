import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { config, ConfigError, describeSettings, loadSettings, redactSettings } from "./index.ts";

const settings = {
  port: config.required(
    config.port({ env: "RCIOTS_EDGE_PORT", about: "Port of the channel", fallback: 8444 }),
  ),
  name: config.required(config.text({ env: "RCIOTS_NAME", about: "A name" })),
  allow: config.required(config.flag({ env: "RCIOTS_ALLOW_IT", about: "Allows it", fallback: false })),
  life: config.required(
    config.duration({ env: "RCIOTS_LIFE", about: "Lifetime", fallback: 1_000, minMs: 1, maxMs: 86_400_000 }),
  ),
  names: config.required(config.list({ env: "RCIOTS_NAMES", about: "Names", fallback: [] })),
  key: config.secret({ env: "RCIOTS_KEY", about: "A key" }),
};

const faultsOf = (load: () => unknown): readonly string[] => {
  try {
    load();
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
};

describe("when a configuration is loaded", () => {
  it("takes the flag before the variable before the fallback", () => {
    const env = { RCIOTS_NAME: "from-env", RCIOTS_LIFE: "5m", RCIOTS_EDGE_PORT: "1000" };
    const loaded = loadSettings(settings, {
      env,
      args: ["--edge-port", "2000", "--allow-it", "--names=a,b"],
    });
    assert.equal(loaded.port, 2000);
    assert.equal(loaded.name, "from-env");
    assert.equal(loaded.allow, true);
    assert.equal(loaded.life, 300_000);
    assert.deepEqual(loaded.names, ["a", "b"]);
    assert.ok(Object.isFrozen(loaded));
  });

  it("reports every fault at once, each with its setting", () => {
    const env = { RCIOTS_EDGE_PORT: "99999", RCIOTS_LIFE: "soon", RCIOTS_ALLOW_IT: "perhaps" };
    const faults = faultsOf(() => loadSettings(settings, { env, args: ["--colour", "red"] }));
    for (const part of [
      "--colour",
      "RCIOTS_EDGE_PORT",
      "RCIOTS_LIFE",
      "RCIOTS_ALLOW_IT",
      "RCIOTS_NAME is missing",
    ]) {
      assert.ok(
        faults.some((fault) => fault.includes(part)),
        `${part} is named in ${faults.join("; ")}`,
      );
    }
  });

  it("reads a secret from a file, refuses it as a flag, and never shows it", () => {
    const folder = mkdtempSync(join(tmpdir(), "rciots-config-"));
    try {
      writeFileSync(join(folder, "key"), "s3cret\n");
      const env = { RCIOTS_NAME: "n", RCIOTS_KEY_FILE: join(folder, "key") };
      const loaded = loadSettings(settings, { env });
      assert.equal(loaded.key, "s3cret");
      assert.ok(!JSON.stringify(redactSettings(settings, loaded)).includes("s3cret"));
      const faults = faultsOf(() =>
        loadSettings(settings, { env: { RCIOTS_NAME: "n" }, args: ["--key", "s3cret"] }),
      );
      assert.match(faults.join(), /RCIOTS_KEY_FILE/);
      assert.ok(!faults.join().includes("s3cret"));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("takes a secret URL of its schemes only, and never shows what was wrong with it", () => {
    const mail = { url: config.secretUrl({ env: "RCIOTS_MAIL", about: "Mail", schemes: ["smtp", "smtps"] }) };
    const load = (RCIOTS_MAIL: string) => loadSettings(mail, { env: { RCIOTS_MAIL } });
    assert.equal(load("smtps://u:p4ss@host").url, "smtps://u:p4ss@host");
    for (const bad of ["http://u:p4ss@host", "p4ss"]) {
      const faults = faultsOf(() => load(bad)).join();
      assert.match(faults, /RCIOTS_MAIL is not valid/);
      assert.ok(!faults.includes("p4ss"));
    }
  });

  it("names a secret file that can't be read", () => {
    const faults = faultsOf(() =>
      loadSettings(settings, { env: { RCIOTS_NAME: "n", RCIOTS_KEY_FILE: "/nowhere/key" } }),
    );
    assert.match(faults.join(), /RCIOTS_KEY_FILE/);
  });

  it("describes every setting with its flag, variable and default", () => {
    const help = describeSettings(settings);
    assert.match(help, /--edge-port, RCIOTS_EDGE_PORT/);
    assert.match(help, /default: 8444/);
    assert.doesNotMatch(help, /--key/);
  });
});
