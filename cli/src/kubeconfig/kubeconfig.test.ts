import assert from "node:assert/strict";
import { lstatSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { CommandError } from "../command.ts";
import { changeFile, kubeconfigPath } from "./kubeconfig-file.ts";
import { kubectlTokenCommand } from "./kubectl-token.ts";
import { mergeEntry, type Entry } from "./merge-entry.ts";

const server = "https://console.example.com/api/v1/devices/dev_1/cluster";
const entry = (fields: Partial<Entry> = {}): Entry => ({
  name: "till-7",
  server,
  authority: "PEM\n",
  user: { name: "rciots@console.example.com", exec: { command: "rciots", args: ["kubectl-token"] } },
  ...fields,
});

const existing = `# mine
apiVersion: v1
kind: Config
preferences: {colors: true}
current-context: prod
clusters:
  - name: prod # do not touch
    cluster:
      server: https://prod.example.com:6443
      certificate-authority-data: ${"QUJD".repeat(60)}
contexts:
- context: {cluster: prod, user: me}
  name: prod
users:
- name: me
  user:
    token: "s3cret"
extensions:
- name: x
  extension: {a: 1}
`;

describe("when a device comes into a kubeconfig", () => {
  it("makes a whole one where there is none", () => {
    const made = parse(mergeEntry("", entry({ namespace: "shop" })));
    assert.equal(made.kind, "Config");
    assert.equal(made["current-context"], "till-7");
    assert.deepEqual(made.clusters, [
      { name: "till-7", cluster: { server, "certificate-authority-data": "UEVNCg==" } },
    ]);
    assert.deepEqual(made.contexts, [
      {
        name: "till-7",
        context: { cluster: "till-7", user: "rciots@console.example.com", namespace: "shop" },
      },
    ]);
    assert.equal(made.users[0].user.exec.command, "rciots");
  });

  it("leaves all else as it is, comments, other fields and the current context included", () => {
    const merged = mergeEntry(existing, entry());
    for (const line of ["# mine", "# do not touch", "QUJD".repeat(60), "s3cret", "colors: true"])
      assert.ok(merged.includes(line), line);
    const [before, after] = [parse(existing), parse(merged)];
    assert.equal(after["current-context"], "prod");
    for (const section of ["clusters", "users", "contexts"]) {
      assert.deepEqual(after[section][0], before[section][0]);
      assert.equal(after[section].length, 2);
    }
    assert.deepEqual(after.extensions, before.extensions);
  });

  it("changes what it wrote before, and keeps the namespace and what somebody added", () => {
    const first = mergeEntry(existing, entry({ namespace: "shop" }));
    const own = first.replace(
      "server: https://console",
      "proxy-url: http://proxy\n      server: https://console",
    );
    const moved = server.replace("dev_1", "dev_2");
    const again = parse(mergeEntry(own, entry({ server: moved, authority: undefined })));
    assert.deepEqual(again.clusters[1].cluster, { "proxy-url": "http://proxy", server: moved });
    assert.equal(again.contexts[1].context.namespace, "shop");
    assert.equal(again.users.length, 2);
    assert.equal(mergeEntry(first, entry()), first);
  });

  it("takes the empty lists that kubectl writes", () => {
    for (const empty of ["null", "[]"]) {
      const text = `apiVersion: v1\nclusters: ${empty}\ncontexts: ${empty}\ncurrent-context: ""\nusers: ${empty}\n`;
      const made = parse(mergeEntry(text, entry()));
      assert.deepEqual([made.clusters.length, made["current-context"]], [1, "till-7"]);
    }
  });

  it("takes nobody's name, and no file that it doesn't understand", () => {
    for (const taken of [
      existing.replaceAll("prod", "till-7"),
      mergeEntry("", entry({ server: "https://other.example.com/api/v1/devices/dev_1/cluster" })),
    ])
      assert.throws(() => mergeEntry(taken, entry()), /--context/);
    for (const text of ["- a\n", "a: b: c\n", "clusters: 1\n", "a: 1\na: 2\n", "a: 1\n---\na: 2\n"])
      assert.throws(() => mergeEntry(text, entry()), CommandError, text);
  });
});

describe("when a kubeconfig is changed", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "rciots-kubeconfig-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("chooses the file as kubectl does", () => {
    const [one, two] = [join(folder, "one"), join(folder, "two")];
    assert.equal(kubeconfigPath(undefined, { HOME: folder }), join(folder, ".kube/config"));
    assert.equal(kubeconfigPath(undefined, { KUBECONFIG: `${one}:${two}` }), two);
    writeFileSync(one, "");
    assert.equal(kubeconfigPath(undefined, { KUBECONFIG: `${one}:${two}` }), one);
    assert.equal(kubeconfigPath("/x/y", { KUBECONFIG: one }), "/x/y");
  });

  it("lets nobody else read it, and keeps a link", async () => {
    const [file, link] = [join(folder, "file"), join(folder, "link")];
    writeFileSync(file, "a", { mode: 0o644 });
    symlinkSync(file, link);
    await changeFile(link, (text) => `${text}b`);
    assert.equal(readFileSync(file, "utf8"), "ab");
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.ok(lstatSync(link).isSymbolicLink());
    await changeFile(join(folder, "new/config"), () => "x");
    assert.equal(statSync(join(folder, "new/config")).mode & 0o777, 0o600);
  });

  it("waits for whoever changes it at the same time, and is left whole where the change fails", async () => {
    const file = join(folder, "config");
    await Promise.all(
      Array.from({ length: 8 }, (_value, index) => changeFile(file, (text) => `${text}${index}\n`)),
    );
    assert.deepEqual(readFileSync(file, "utf8").trim().split("\n").sort(), [..."01234567"]);
    const failing = changeFile(file, () => {
      throw new CommandError("no");
    });
    await assert.rejects(failing, /no/);
    await changeFile(file, () => "after");
    assert.equal(readFileSync(file, "utf8"), "after");
  });
});

describe("when kubectl asks for a token", () => {
  const env = { RCIOTS_URL: "https://one.example.com", RCIOTS_API_TOKEN: "rca_1", HOME: "/nowhere" };

  it("gets that of the platform it is for, and of no other", () => {
    const said: string[] = [];
    kubectlTokenCommand(["https://one.example.com/"], { env, say: (line) => said.push(line) });
    const credential = JSON.parse(said.join("")) as { kind: string; status: { token: string } };
    assert.deepEqual([credential.kind, credential.status.token], ["ExecCredential", "rca_1"]);
    const ask = (): void => kubectlTokenCommand(["https://two.example.com/"], { env, say: () => undefined });
    assert.throws(ask, /rciots login https:\/\/two/);
  });
});
