import assert from "node:assert/strict";
import { acceptStreams } from "./accept-streams.ts";

describe("what takes the streams that the platform opens", () => {
  const signal = new AbortController().signal;
  const target = { kind: "tcp", host: "127.0.0.1", port: 22 };

  it("hands a stream to whoever takes its kind of target", async () => {
    const seen: unknown[] = [];
    const take = (): void => undefined;
    const { accept, capabilities } = acceptStreams({
      async tcp(given) {
        seen.push(given);
        return take;
      },
    });
    assert.equal(await accept?.(target, signal), take);
    assert.deepEqual([seen, capabilities], [[target], ["tunnels"]]);
  });

  it("refuses a kind that it does not know, and a target that breaks the contract", async () => {
    const { accept } = acceptStreams({ tcp: async () => () => undefined });
    for (const given of [{ kind: "udp" }, "tcp", null, {}])
      await assert.rejects(accept?.(given, signal) ?? assert.fail(), { code: "target_unsupported" });
    for (const given of [
      { ...target, port: 0 },
      { ...target, host: "" },
      { ...target, more: 1 },
    ])
      await assert.rejects(accept?.(given, signal) ?? assert.fail(), { code: "target_invalid" });
  });

  it("takes none at all where everything is switched off", () => {
    assert.deepEqual(acceptStreams({ tcp: undefined }), { capabilities: [], accept: undefined });
  });
});
