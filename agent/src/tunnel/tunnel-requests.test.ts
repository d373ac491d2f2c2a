import assert from "node:assert/strict";
import type { AskedTunnel, AskedTunnelAnswer, DeviceRequest } from "@rciots/protocol";
import { AppError, createLogger } from "@rciots/runtime";
import { eventually } from "../../../test/harness/eventually.ts";
import type { Caller } from "../channel/report-outbox.ts";
import { parseAllowList } from "./allow-list.ts";
import { parseTunnelRequests } from "./tunnel-request.ts";
import { createTunnelRequests } from "./tunnel-requests.ts";

type Asked = DeviceRequest<"tunnels:ask">["tunnels"];

const error = (code: string) => new AppError({ code, status: 409, message: `It is ${code}.` });

/** A session whose platform answers by `answer`. */
function sessionOf(answer: (tunnels: Asked) => AskedTunnelAnswer[] | Promise<AskedTunnelAnswer[]>) {
  const asked: Asked[] = [];
  const call = async (_event: string, payload: unknown): Promise<unknown> => {
    const { tunnels } = payload as { tunnels: Asked };
    asked.push(tunnels);
    return { tunnels: await answer(tunnels) };
  };
  return { asked, caller: { call } as Caller };
}

function requestsOf(entries: string[], allow = ["loopback"]) {
  const lines: string[] = [];
  const logger = createLogger({ level: "info", write: (line) => lines.push(line) });
  const tunnels: AskedTunnel[] = parseTunnelRequests(entries);
  const requests = createTunnelRequests({
    tunnels,
    allowList: parseAllowList(allow),
    logger,
    random: () => 0,
  });
  return { requests, lines };
}
const open = (tunnels: Asked): AskedTunnelAnswer[] =>
  tunnels.map(({ port = 20_000 }) => ({ state: "open", port }));

describe("when a device wants tunnels", () => {
  it("asks for all of them in each session, and tells what became of each once", async () => {
    const { requests, lines } = requestsOf(["2222:22", "80"]);
    const { asked, caller } = sessionOf(open);
    assert.ok(requests.status().every(({ state }) => state === "unknown"));
    requests.attach(caller);
    await eventually(() =>
      assert.deepEqual(
        requests.status().map(({ port }) => port),
        [2_222, 20_000],
      ),
    );
    requests.detach();
    requests.attach(caller);
    await eventually(() => assert.equal(asked.length, 2));
    assert.deepEqual(asked[0], asked[1]);
    requests.detach();
    assert.equal(lines.length, 2);
    assert.match(lines[0] ?? "", /the tunnel 2222 to 127\.0\.0\.1:22 is open on port 2222 of the platform/);
  });

  it("doesn't ask for what its own list would refuse, and says so", async () => {
    const { requests, lines } = requestsOf(["22", "192.168.1.20:22", "0.0.0.0:80", "nas.local:80"]);
    const { asked, caller } = sessionOf(open);
    requests.attach(caller);
    await eventually(() => assert.equal(asked.length, 1));
    assert.deepEqual(
      asked[0]?.map(({ target }) => target.host),
      ["127.0.0.1", "0.0.0.0", "nas.local"],
    );
    const [, refused] = requests.status();
    assert.deepEqual([refused?.state, refused?.code], ["refused", "target_not_allowed"]);
    assert.match(lines.join(), /192\.168\.1\.20:22 was refused: .*--tunnel-allow/);
    requests.detach();
    const none = requestsOf(["22"], ["none"]);
    const other = sessionOf(open);
    none.requests.attach(other.caller);
    // So that nothing stays that was asked for before.
    await eventually(() => assert.deepEqual(other.asked, [[]]));
    none.requests.detach();
  });

  it("asks again when the platform says that something changed, and after a fault", async () => {
    const { requests, lines } = requestsOf(["22"]);
    const answers: (() => AskedTunnelAnswer[])[] = [
      () => {
        throw new AppError({ code: "busy", status: 503, message: "Busy.", details: { retryAfterMs: 1 } });
      },
      () => [{ state: "refused", code: "tunnels_not_allowed", message: "Not here." }],
      () => [{ state: "open", port: 20_001 }],
    ];
    const { asked, caller } = sessionOf(() => answers.shift()?.() ?? []);
    requests.attach(caller);
    await eventually(() => assert.equal(requests.status()[0]?.state, "refused"));
    assert.match(lines.join(), /was refused: Not here\./);
    requests.changed();
    await eventually(() => assert.equal(requests.status()[0]?.state, "open"));
    assert.equal(asked.length, 3);
    requests.detach();
  });

  it("gives up until the next session where the platform is too old", async () => {
    const { requests, lines } = requestsOf(["22"]);
    const { asked, caller } = sessionOf(() => {
      throw error("unknown_event");
    });
    requests.attach(caller);
    await eventually(() => assert.match(lines.join(), /too old/));
    requests.changed();
    assert.equal(asked.length, 1);
    requests.detach();
  });

  it("takes no answer of a session that is over", async () => {
    const { requests } = requestsOf(["22"]);
    let answerFirst: (answers: AskedTunnelAnswer[]) => void = () => undefined;
    const first = sessionOf(() => new Promise((resolve) => (answerFirst = resolve)));
    requests.attach(first.caller);
    await eventually(() => assert.equal(first.asked.length, 1));
    const second = sessionOf(() => [{ state: "open", port: 20_002 }]);
    requests.attach(second.caller);
    await eventually(() => assert.equal(requests.status()[0]?.port, 20_002));
    answerFirst([{ state: "open", port: 20_001 }]);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(requests.status()[0]?.port, 20_002);
    requests.detach();
  });
});
