import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { Agent, request as requestTls } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApiProblem, type ApiClient } from "../harness/api-client.ts";
import { createToken } from "../harness/fleet.ts";
import { startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";

const kustomization = (content: string) => ({ path: "kustomization.yaml", content });

/** Nine levels of nine aliases each: some hundred bytes that stand for four hundred million nodes. */
const explodingYaml = ["a: &a [x,x,x,x,x,x,x,x,x]"]
  .concat(
    Array.from(
      "bcdefghi",
      (name, index) => `${name}: &${name} [${Array(9).fill(`*${"abcdefgh"[index]}`).join(",")}]`,
    ),
  )
  .join("\n");

describe("when somebody gives the platform bad input", function () {
  this.timeout(60_000);
  let platform: PlatformProcess;
  let api: ApiClient;
  let folder: string;
  let names = 0;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "rciots-bad-input-"));
    platform = await startPlatformProcess();
    api = await platform.api();
  });

  after(async () => {
    await platform?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  afterEach(async () => {
    // Whatever it was, the platform carries on.
    assert.equal((await fetch(`${platform.consoleUrl}/readyz`)).status, 200);
  });

  async function problemOf(call: Promise<unknown>): Promise<{ status: number; code: string; text: string }> {
    const error = await call.then(
      () => assert.fail("it was accepted"),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof ApiProblem, String(error));
    return { status: error.status, code: String(error.body["code"]), text: JSON.stringify(error.body) };
  }

  const refuseFiles = (files: { path: string; content: string }[]) =>
    problemOf(api.post("/templates", { name: `bad-${(names += 1)}`, files }));
  const refuseGit = (url: string) =>
    problemOf(api.post("/templates", { name: `bad-${(names += 1)}`, git: { url, ref: "main" } }));

  it("names file and line of YAML that can't be parsed", async () => {
    const problem = await refuseFiles([
      kustomization("resources: [a.yaml]\n"),
      { path: "a.yaml", content: "kind: ConfigMap\n\tbad: x\n" },
    ]);
    assert.ok(problem.status === 400 || problem.status === 422);
    assert.match(problem.text, /a\.yaml/);
    assert.match(problem.text, /"line":2/);
  });

  const refusedFiles: [string, { path: string; content: string }[], RegExp][] = [
    [
      "a kustomization that escapes its folder",
      [kustomization("resources: [../../etc]\n")],
      /outside|escape|leaves/i,
    ],
    ["a remote base", [kustomization("resources: ['https://example.com/base?ref=main']\n")], /remote/i],
    [
      "a remote base in Git's short form",
      [kustomization("resources: ['github.com/owner/repository//base']\n")],
      /remote|not there|missing|no such/i,
    ],
    [
      "an exec plugin",
      [
        kustomization("generators: [g.yaml]\n"),
        {
          path: "g.yaml",
          content:
            "apiVersion: v1\nkind: G\nmetadata: { name: g, annotations: { config.kubernetes.io/function: 'exec: { path: ./x }' } }\n",
        },
      ],
      /plugin|function/i,
    ],
    ["a Helm chart", [kustomization("helmCharts: [{ name: x, repo: 'https://example.com' }]\n")], /helm/i],
    [
      "YAML aliases that explode",
      [kustomization("resources: [a.yaml]\n"), { path: "a.yaml", content: explodingYaml }],
      /alias/i,
    ],
    [
      "a path that leaves the folder",
      [kustomization("resources: []\n"), { path: "../../etc/passwd", content: "x" }],
      /path|\.\./i,
    ],
    ["an absolute path", [kustomization("resources: []\n"), { path: "/etc/passwd", content: "x" }], /path/i],
    [
      "two files of one path",
      [kustomization("resources: []\n"), { path: "a.yaml", content: "" }, { path: "A.yaml", content: "" }],
      /twice|differ|same|unique/i,
    ],
    [
      "an object without a name",
      [
        kustomization("resources: [a.yaml]\n"),
        { path: "a.yaml", content: "apiVersion: v1\nkind: ConfigMap\n" },
      ],
      /name/i,
    ],
    ["no kustomization", [{ path: "a.yaml", content: "" }], /kustomization/i],
  ];
  const codes = new Map<string, string>();
  for (const [what, files, words] of refusedFiles) {
    it(`refuses ${what} with an error of its own`, async () => {
      const problem = await refuseFiles(files);
      assert.ok(problem.status === 400 || problem.status === 422, problem.text);
      assert.match(problem.text, words);
      codes.set(what, problem.code);
    });
  }

  it("tells these apart by their codes", () => {
    const distinct = [
      "a kustomization that escapes its folder",
      "a remote base",
      "an exec plugin",
      "YAML aliases that explode",
    ];
    assert.equal(
      new Set(distinct.map((what) => codes.get(what))).size,
      distinct.length,
      JSON.stringify([...codes]),
    );
  });

  it("refuses a body of 200 MB without reading it to its end", async () => {
    const url = new URL(`${platform.consoleUrl}/api/v1/templates`);
    let sentBytes = 0;
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const call = request(url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          authorization: "Bearer none",
          "content-length": 200e6,
        },
      });
      call.on("response", (response) => resolve(response.resume().statusCode));
      call.on("error", (error) => (sentBytes > 0 ? resolve(undefined) : reject(error)));
      const piece = Buffer.alloc(64 * 1024, 0x20);
      const send = (): void => {
        if (sentBytes >= 200e6 || call.destroyed) return;
        sentBytes += piece.length;
        call.write(piece, () => setImmediate(send));
      };
      send();
    });
    assert.ok(status === 413 || status === 401 || status === undefined, `status ${status}`);
    assert.ok(sentBytes < 60e6, `${sentBytes} bytes were sent before it was refused`);
  });

  it("refuses a file that is too large, naming it", async () => {
    const problem = await refuseFiles([
      kustomization("resources: [a.yaml]\n"),
      { path: "a.yaml", content: `#${"x".repeat(2_000_000)}` },
    ]);
    assert.ok([400, 413, 422].includes(problem.status), problem.text);
    assert.match(problem.text, /files\[1\]/);
  });

  it("refuses Git sources at private addresses, on the disk, and by other transports, each with a code of its own", async () => {
    const seen = new Map<string, string>();
    for (const url of [
      "https://127.0.0.1/owner/repository.git",
      "https://10.0.0.1/owner/repository.git",
      "https://[::1]/owner/repository.git",
      "https://169.254.169.254/latest",
      "file:///etc",
      "ext::sh -c id",
      "--upload-pack=id",
    ]) {
      const problem = await refuseGit(url);
      assert.ok(problem.status >= 400 && problem.status < 500, `${url}: ${problem.text}`);
      seen.set(url, problem.code);
    }
    assert.notEqual(seen.get("file:///etc"), seen.get("https://127.0.0.1/owner/repository.git"));
    assert.equal(
      seen.get("https://10.0.0.1/owner/repository.git"),
      seen.get("https://[::1]/owner/repository.git"),
    );
  });

  it("refuses operators of the database in any field", async () => {
    const login = await problemOf(
      platform.apiWith().post("/login", { username: { $gt: "" }, password: { $gt: "" } }),
    );
    assert.equal(login.status, 400);
    const token = await problemOf(api.post("/provisioning-tokens", { name: "x", labels: { $where: "1" } }));
    assert.equal(token.status, 400);
  });

  async function enroll(
    token: string,
    body: unknown,
  ): Promise<{ status: number; code: string; detail: string }> {
    const payload = JSON.stringify(body);
    // The certificate is not what this test is about.
    const agent = new Agent({ rejectUnauthorized: false });
    return new Promise((resolve, reject) => {
      const call = requestTls(`${platform.enrollUrl}/v1/enroll`, {
        method: "POST",
        agent,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      });
      call.on("error", reject);
      call.on("response", (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => (text += chunk.toString()));
        response.on("end", () => {
          const answer = JSON.parse(text) as { code: string; detail: string };
          resolve({ status: response.statusCode ?? 0, code: answer.code, detail: answer.detail });
        });
      });
      call.end(payload);
    });
  }

  function makeCsr(...keyArguments: string[]): string {
    const file = join(folder, `csr-${(names += 1)}`);
    execFileSync(
      "openssl",
      ["req", "-new", "-nodes", "-subj", "/CN=x", "-keyout", `${file}.key`, "-out", file, ...keyArguments],
      { stdio: "pipe" },
    );
    return readFileSync(file, "utf8");
  }

  it("refuses a CSR with a weak key, with a bad signature, and one that is none, each with its own code", async () => {
    const token = await createToken(api);
    assert.equal(
      (await enroll(token, { name: "weak", csr: makeCsr("-newkey", "rsa:1024") })).code,
      "csr_weak_key",
    );
    const good = makeCsr("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256");
    const der = Buffer.from(good.replace(/-----[^-]+-----|\s/g, ""), "base64");
    der[der.length - 1] = (der[der.length - 1] ?? 0) ^ 1;
    const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString("base64").replace(/.{64}/g, "$&\n")}\n-----END CERTIFICATE REQUEST-----\n`;
    assert.equal((await enroll(token, { name: "forged", csr: forged })).code, "csr_bad_signature");
    assert.equal((await enroll(token, { name: "none", csr: "hello" })).code, "csr_invalid");
  });

  it("refuses device names of 300 characters and with control characters, naming the field", async () => {
    const token = await createToken(api);
    const csr = makeCsr("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256");
    for (const name of ["x".repeat(300), "bell\u0007", "two\nlines", "UPPER", ""]) {
      const answer = await enroll(token, { name, csr });
      assert.equal(answer.status, 400, JSON.stringify(answer));
      assert.match(answer.detail, /name/);
    }
  });

  it("answers 404 Token not found for an unknown token", async () => {
    const answer = await enroll("rcp_unknownunknownunknownunknownunknownunknown", {
      name: "a",
      csr: makeCsr("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
    });
    assert.deepEqual([answer.status, answer.code], [404, "token_not_found"]);
    assert.match(answer.detail, /Token not found/);
  });
});
