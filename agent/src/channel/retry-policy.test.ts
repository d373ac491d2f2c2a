import assert from "node:assert/strict";
import { sessionErrors } from "@rciots/protocol";
import { isLasting, nextStep } from "./retry-policy.ts";

const decide = (
  code: string,
  options: { canEnroll?: boolean; random?: number; retryAfterMs?: number } = {},
) =>
  nextStep(
    {
      code,
      message: "",
      ...(options.retryAfterMs === undefined ? {} : { retryAfterMs: options.retryAfterMs }),
    },
    { backoffMs: () => 777, canEnroll: options.canEnroll ?? false, random: () => options.random ?? 0.5 },
  );

describe("when a session has ended", () => {
  it("recovers with the device token where the certificate is at fault", () => {
    for (const code of sessionErrors.filter((name) => name.startsWith("certificate_")))
      assert.deepEqual(decide(code), { kind: "recover", pauseMs: 777 }, code);
    assert.equal(decide("platform_untrusted").kind, "recover");
  });

  it("comes back within a minute where an operator's word ends it", () => {
    for (const code of ["device_pending", "device_denied", "device_disabled", "organization_suspended"]) {
      assert.deepEqual(decide(code, { random: 0 }), { kind: "reconnect", pauseMs: 15_000 }, code);
      assert.deepEqual(decide(code, { random: 1 }), { kind: "reconnect", pauseMs: 45_000 }, code);
      assert.ok(isLasting(code));
    }
  });

  it("comes back slowly where more has to happen", () => {
    for (const code of ["superseded", "abuse", "version_unsupported"]) {
      assert.deepEqual(decide(code, { random: 0 }), { kind: "reconnect", pauseMs: 150_000 }, code);
      assert.deepEqual(decide(code, { random: 1 }), { kind: "reconnect", pauseMs: 450_000 }, code);
      assert.ok(isLasting(code));
    }
  });

  it("enrols anew where the platform does not know the device, if it can", () => {
    for (const code of ["device_not_found", "device_token_invalid"]) {
      assert.deepEqual(decide(code, { canEnroll: true }), { kind: "enroll", pauseMs: 777 });
      assert.deepEqual(decide(code), { kind: "reconnect", pauseMs: 300_000 });
    }
  });

  it("leaves for good only where it was decommissioned", () => {
    const leaving = sessionErrors.filter((code) => decide(code).kind === "decommission");
    assert.deepEqual(leaving, ["device_decommissioned"]);
  });

  it("keeps the time the platform named, spread by a quarter", () => {
    for (const code of ["busy", "draining", "superseded", "device_disabled", "unreachable"]) {
      assert.equal(decide(code, { retryAfterMs: 4_000, random: 0 }).kind, "reconnect");
      assert.deepEqual(decide(code, { retryAfterMs: 4_000, random: 1 }), {
        kind: "reconnect",
        pauseMs: 5_000,
      });
    }
  });

  it("takes everything it does not know for something that passes", () => {
    assert.deepEqual(decide("made_up"), { kind: "reconnect", pauseMs: 777 });
    assert.deepEqual(decide("toString"), { kind: "reconnect", pauseMs: 777 });
  });
});
