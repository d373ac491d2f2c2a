import assert from "node:assert/strict";
import { bytesInWords, commandOf, networksOf, placeOf } from "./tunnel-words.ts";

const tunnel = { port: 20_022, listenHost: null, protocol: "ssh" } as Parameters<typeof commandOf>[0];

describe("when a tunnel is shown", () => {
  it("says how to use it, by what is spoken there", () => {
    assert.equal(commandOf(tunnel, "rciots.example.com"), "ssh -p 20022 USER@rciots.example.com");
    assert.equal(commandOf({ ...tunnel, protocol: "https" }, "::1"), "https://[::1]:20022/");
    assert.equal(commandOf({ ...tunnel, protocol: null, listenHost: "10.0.0.1" }, "x"), "10.0.0.1:20022");
    assert.equal(commandOf({ ...tunnel, listenHost: "0.0.0.0" }, "x"), "ssh -p 20022 USER@x");
    assert.equal(placeOf({ host: "fd00::1", port: 80 }), "[fd00::1]:80");
  });

  it("counts bytes and reads networks as people write them", () => {
    assert.deepEqual([0, 1_023, 1_536, 20 * 1_048_576].map(bytesInWords), [
      "0 B",
      "1023 B",
      "1.5 KiB",
      "20.0 MiB",
    ]);
    assert.deepEqual(networksOf("10.0.0.0/8, ::1\n192.168.1.1 "), ["10.0.0.0/8", "::1", "192.168.1.1"]);
  });
});
