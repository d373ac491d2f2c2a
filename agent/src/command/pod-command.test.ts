import assert from "node:assert/strict";
import { createKubeCluster } from "../kube/kube-cluster.ts";
import { startExecServer, type ExecServer } from "../kube/exec-server.fixture.ts";
import { eventually } from "../../../test/harness/eventually.ts";
import type { CommandRequest } from "./command-rules.ts";
import { commandRequest, createDevice, createPlatform, shell } from "./commands.fixture.ts";
import type { Commands } from "./commands.ts";

const place = { kind: "pod" as const, namespace: "apps", pod: "web-0", container: "main" };

describe("when a device runs commands in its Pods", function () {
  this.timeout(40_000);
  let server: ExecServer;
  let device: Awaited<ReturnType<typeof createDevice>>;
  let commands: Commands;
  let platform: ReturnType<typeof createPlatform>;

  beforeEach(async () => {
    server = await startExecServer();
    const auth = {
      credentials: async () => ({ server: server.url, headers: {}, tls: {} }),
      invalidate: () => undefined,
    };
    device = await createDevice({ cluster: createKubeCluster({ auth }) });
    platform = createPlatform();
    commands = device.live();
    await commands.begin();
    commands.attach(platform.caller);
  });
  afterEach(async () => {
    await commands.stop();
    await server.stop();
    await device.remove();
  });

  const endOf = (id: string) =>
    eventually(() => {
      const [end] = platform.of(id).ends;
      assert.ok(end);
      return end;
    });
  async function run(request: CommandRequest) {
    await commands.start(request);
    return endOf(request.id);
  }

  it("tells output and exit code, with variables, arguments, input and folder as they were given", async () => {
    const odd = `"'$(reboot)\`; & ü\n\n`;
    const request = commandRequest(
      {
        kind: "script",
        interpreter: "bash",
        text: 'printf "%s|%s|%s|" "$1" "$VALUE" "$(pwd)"; cat; echo problem >&2; exit 3\n',
        arguments: [odd],
      },
      { place, environment: { VALUE: odd, EMPTY: "" }, input: "in\nput", workingDirectory: "/usr" },
    );
    const end = await run(request);
    assert.equal(platform.textOf(request.id, "stdout"), `${odd}|${odd}|/usr|in\nput`);
    assert.equal(platform.textOf(request.id, "stderr"), "problem\n");
    assert.deepEqual([end.outcome, end.exitCode], ["exited", 3]);
  });

  it("keeps script and variables out of what the API server writes into its audit log", async () => {
    const request = shell("echo the-script", { place, environment: { TOKEN: "the-value" } });
    await run(request);
    const asked = server.seen.flatMap(({ query }) => query.getAll("command")).join("\n");
    assert.ok(!asked.includes("the-script") && !asked.includes("the-value"));
    assert.equal(server.seen[0]?.query.get("container"), "main");
    assert.equal(platform.textOf(request.id), "the-script\n");
  });

  it("runs a program with its arguments, and says where there is none", async () => {
    const request = commandRequest({ kind: "argv", argv: ["printf", "%s|", "a b", "$x"] }, { place });
    await run(request);
    assert.equal(platform.textOf(request.id), "a b|$x|");
    const none = await run(commandRequest({ kind: "argv", argv: ["no-such-program"] }, { place }));
    assert.equal(none.exitCode, 127);
    assert.match(none.message ?? "", /no such program/);
  });

  it("ends the process in the container after its timeout, though the container's runtime would let it run", async () => {
    const request = shell("trap '' TERM; while :; do sleep 1; done", { place, timeoutMs: 1_000 });
    const end = await run(request);
    assert.equal(end.outcome, "timed_out");
    assert.ok(server.seen.length >= 3, "it was asked, and then killed");
    await eventually(() => assert.equal(server.pids.size, 0));
  });

  it("says that it may still run where the connection was lost", async () => {
    const request = shell("sleep 600", { place });
    await commands.start(request);
    await eventually(() => assert.equal(server.pids.size, 1));
    server.cut();
    const end = await endOf(request.id);
    assert.equal(end.outcome, "lost");
    assert.match(end.message ?? "", /may still run/);
  });

  it("fails in the API server's own words", async () => {
    const message = 'pods "web-0" is forbidden: cannot create resource "pods/exec"';
    server.refuse = {
      status: 403,
      body: JSON.stringify({ kind: "Status", code: 403, reason: "Forbidden", message }),
    };
    const end = await run(shell("true", { place }));
    assert.deepEqual([end.outcome, end.message], ["failed", message]);
  });
});
