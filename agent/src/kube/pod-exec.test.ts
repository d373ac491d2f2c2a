import assert from "node:assert/strict";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { eventually } from "../../../test/harness/eventually.ts";
import type { Auth } from "./auth.ts";
import { startExecServer, type ExecServer } from "./exec-server.fixture.ts";
import { isUnknownEnd, createPodExec, type PodExec, type PodExecRequest } from "./pod-exec.ts";

describe("when a program runs in a container", () => {
  let server: ExecServer;
  let invalidated: number;

  const execAt = (url: string): PodExec => {
    const auth: Auth = {
      credentials: async () => ({ server: url, headers: { authorization: "Bearer t" }, tls: {} }),
      invalidate: () => void (invalidated += 1),
    };
    return createPodExec({ auth, userAgent: "test" });
  };
  const run = (command: string[], more: Partial<PodExecRequest> = {}, signal?: AbortSignal) =>
    execAt(server.url)({ namespace: "apps", pod: "web-0", command, stdin: false, ...more }, { signal });

  beforeEach(async () => {
    invalidated = 0;
    server = await startExecServer();
  });
  afterEach(() => server.stop());

  it("tells output, errors and exit code apart, and names Pod and container", async () => {
    const child = await run(["sh", "-c", "echo out; echo err >&2; exit 3"], { container: "main" });
    assert.deepEqual(await Promise.all([text(child.stdout), text(child.stderr)]), ["out\n", "err\n"]);
    assert.equal(await child.exit, 3);
    const [seen] = server.seen;
    assert.equal(seen?.path, "/api/v1/namespaces/apps/pods/web-0/exec");
    assert.equal(seen?.query.get("container"), "main");
    assert.equal(seen?.authorization, "Bearer t");
  });

  it("passes arguments on as they are, with nothing in between that reads them", async () => {
    const odd = ["a b", "$HOME", "'\"", "&x=1#", "ü\n"];
    const child = await run(["printf", "%s|", ...odd]);
    assert.equal(await text(child.stdout), odd.map((part) => `${part}|`).join(""));
    assert.equal(await child.exit, 0);
  });

  it("feeds standard input, more than one message of it, and ends it", async () => {
    const child = await run(["wc", "-c"], { stdin: true });
    child.stdin.end(Buffer.alloc(300_000, "x"));
    assert.equal((await text(child.stdout)).trim(), "300000");
    assert.equal(await child.exit, 0);
  });

  it("resizes the terminal it was given", async () => {
    const child = await run(["cat"], { stdin: true, tty: true });
    assert.equal(server.seen[0]?.query.get("stderr"), "false");
    child.resize({ columns: 80, rows: 24 });
    child.stdin.end();
    await child.exit;
    assert.deepEqual(server.seen[0]?.resized, [{ Width: 80, Height: 24 }]);
  });

  it("makes a program wait whose output nobody reads", async () => {
    const child = await run(["sh", "-c", "yes"]);
    const held = (stream: Readable) => stream.readableLength;
    await eventually(() => assert.ok(held(child.stdout) > 16_000));
    assert.ok(held(child.stdout) < 4_000_000);
    child.close();
    await assert.rejects(child.exit, isUnknownEnd);
  });

  it("says so where the connection ends before the program", async () => {
    const child = await run(["sleep", "60"]);
    server.cut();
    await assert.rejects(child.exit, isUnknownEnd);
    assert.equal(await text(child.stdout), "");
  });

  it("is refused in the server's own words", async () => {
    const body = JSON.stringify({
      kind: "Status",
      code: 404,
      reason: "NotFound",
      message: 'pods "x" not found',
    });
    server.refuse = { status: 404, body };
    await assert.rejects(run(["true"]), { status: 404, message: 'pods "x" not found' });
    server.refuse = { status: 401, body: "" };
    await assert.rejects(run(["true"]), { status: 401 });
    assert.equal(invalidated, 1);
    server.refuse = undefined;
    const child = await run(["/no/such/program"]);
    await assert.rejects(child.exit, /ENOENT/);
  });

  it("is given up with the reason of the one who asked, and where nobody answers", async () => {
    const reason = new Error("no longer");
    await assert.rejects(run(["true"], {}, AbortSignal.abort(reason)), reason);
    const gone = await startExecServer();
    await gone.stop();
    const request = { namespace: "a", pod: "b", command: ["true"], stdin: false };
    await assert.rejects(execAt(gone.url)(request), { reason: "Unreachable" });
  });
});
