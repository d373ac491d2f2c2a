import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { installCommands, shellQuoted } from "./install-commands.ts";

interface Call {
  args: string[];
  stdin: string;
  token: string | null;
}

describe("when an install command is pasted into a shell", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "rciots-commands-"));
    for (const name of ["oc", "kubectl", "helm", "npx"]) {
      const program = `#!${process.execPath}
const { readFileSync, writeFileSync } = require("node:fs");
const args = process.argv.slice(2);
const stdin = args.includes("-") && args[0] !== "create" ? readFileSync(0, "utf8") : "";
const call = { args, stdin, token: process.env.RCIOTS_TOKEN ?? null };
if (args[0] !== "create") writeFileSync(${JSON.stringify(join(folder, "call.json"))}, JSON.stringify(call));
`;
      writeFileSync(join(folder, name), program);
      chmodSync(join(folder, name), 0o755);
    }
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** What the program in it was called with. */
  function paste(command: string, env: Record<string, string> = {}): Call {
    execFileSync("/bin/sh", ["-ec", command], {
      env: { PATH: folder, ...env },
      stdio: ["ignore", "ignore", "inherit"],
    });
    return JSON.parse(readFileSync(join(folder, "call.json"), "utf8")) as Call;
  }

  const commands = (token: string | null, console = "http://localhost:8080") =>
    installCommands({
      publicUrls: { enroll: "https://enroll.example.com:8443", edge: "wss://edge.example.com", console },
      caFingerprint: "AB:CD",
      chartVersion: "1.2.3",
      agentVersion: "1.2.4",
      token,
    });

  const token = "rcp_A-b_0123";
  const install = "http://localhost:8080/install";
  for (const [name, made, env] of [
    ["as it was created", commands(token), {}],
    ["as it is known later, with the token in a variable", commands(null), { RCIOTS_TOKEN: token }],
  ] as const) {
    it(`calls each tool as it wants to be called, ${name}`, () => {
      const openshift = ["process", "-f", `${install}/openshift-template.yaml`, "-p", `token=${token}`];
      assert.deepEqual(paste(made.openshift, env).args, openshift);
      assert.deepEqual(paste(made.clusterAdmin.openshift, env).args, [
        ...openshift,
        ...["-p", "clusterrole=cluster-admin"],
      ]);

      const kubectl = paste(made.kubectl, env);
      assert.deepEqual(kubectl.args, ["apply", "-f", `${install}/kubernetes.yaml`, "-f", "-"]);
      assert.equal(parse(kubectl.stdin).stringData.token, token);
      const admin = paste(made.clusterAdmin.kubectl, env);
      assert.equal(admin.args[2], `${install}/kubernetes.yaml?access=cluster-admin`);

      const helm = paste(made.helm, env);
      assert.deepEqual(helm.args.slice(0, 4), [
        ...["upgrade", "--install", "rciots-agent", `${install}/rciots-agent-1.2.3.tgz`],
      ]);
      assert.deepEqual(parse(helm.stdin), { token });
      assert.ok(paste(made.clusterAdmin.helm, env).args.includes("access=cluster-admin"));

      const host = paste(made.host, env);
      assert.deepEqual(host, {
        args: [
          "--yes",
          `${install}/npm/rciots-agent-1.2.4.tgz`,
          "--platform-url=https://enroll.example.com:8443",
          "--ca-fingerprint=AB:CD",
        ],
        stdin: "",
        token,
      });
    });
  }

  it("keeps the token out of the arguments of kubectl, Helm and the agent", () => {
    const { kubectl, helm, host } = commands(token);
    for (const command of [kubectl, helm, host])
      assert.equal(JSON.stringify(paste(command).args).includes(token), false, command);
  });

  it("doesn't let a host name of the request run anything", () => {
    const evil = "http://x$(touch pwned)'`touch pwned`;touch pwned #";
    const made = commands(token, evil);
    assert.equal(paste(made.kubectl).args[2], `${evil}/install/kubernetes.yaml`);
    assert.equal(paste(made.helm).args[3], `${evil}/install/rciots-agent-1.2.3.tgz`);
    assert.equal(paste(made.openshift).args[2], `${evil}/install/openshift-template.yaml`);
    assert.equal(paste(made.host).args[1], `${evil}/install/npm/rciots-agent-1.2.4.tgz`);
  });

  it("quotes any text", () => {
    for (const text of ["", "a b", "it's", "$HOME", "a\nb", "`id`", '"', "\\", "*", "~", "!x", "-n"]) {
      const printed = execFileSync("/bin/sh", ["-c", `printf %s ${shellQuoted(text)}`]).toString();
      assert.equal(printed, text);
    }
  });
});
