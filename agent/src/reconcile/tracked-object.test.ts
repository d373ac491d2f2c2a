import assert from "node:assert/strict";
import { silentLogger } from "@rciots/runtime";
import type { KubeObject } from "../kube/cluster.ts";
import { KubeError } from "../kube/kube-error.ts";
import { type PreparedObject, serialize } from "./manifest.ts";
import { observeObject } from "./observation.ts";
import {
  applyDueAtMs,
  beginApply,
  carryOver,
  createTrackedObject,
  markOf,
  recordApplied,
  recordFault,
  type TrackedObject,
} from "./tracked-object.ts";

const prepared = (data = "1", hasStatus = false): PreparedObject => {
  const object: KubeObject = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "x", namespace: "y" },
    data: { a: data },
  };
  return { ...serialize(object), key: "/ConfigMap/y/x", rank: 5, hasStatus, unresolved: false };
};
const live = (resourceVersion: string, owned = "f:data", uid = "u"): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: {
    name: "x",
    namespace: "y",
    uid,
    resourceVersion,
    managedFields: [
      { manager: "somebody", operation: "Update", fieldsV1: { [resourceVersion]: {} } },
      { manager: "rciots-agent", operation: "Apply", fieldsV1: { [owned]: {} } },
    ],
  },
});
const seen = (object: KubeObject) => ({ ...markOf(object), deleting: false });
const options = { nowMs: 0, driftIntervalMs: 30_000, logger: silentLogger };

const applied = (hasStatus = false): TrackedObject => {
  const tracked = createTrackedObject(prepared("1", hasStatus));
  recordApplied(tracked, live("5"), beginApply(tracked));
  return tracked;
};

describe("when an object is applied", () => {
  it("tells a change from an apply that changed nothing", () => {
    const tracked = applied();
    assert.equal(tracked.applied, "applied");
    recordApplied(tracked, live("5"), beginApply(tracked));
    assert.equal(tracked.applied, "unchanged");
  });

  it("looks again when a foreign change overtook the answer, and not when an older event did", () => {
    const tracked = createTrackedObject(prepared());
    const before = beginApply(tracked);
    observeObject(tracked, seen(live("6", "f:less")), options);
    recordApplied(tracked, live("5"), before);
    assert.equal(tracked.dirty, true);
    const again = beginApply(tracked);
    observeObject(tracked, seen(live("4", "f:less")), options);
    recordApplied(tracked, live("7"), again);
    assert.equal(tracked.dirty, false);
    const deleted = beginApply(tracked);
    tracked.dirty = true;
    observeObject(tracked, undefined, options);
    recordApplied(tracked, live("8"), deleted);
    assert.equal(tracked.dirty, true);
  });

  it("waits longer after each refusal and remembers the first", () => {
    const tracked = createTrackedObject(prepared());
    const refusal = new KubeError({ status: 422, reason: "Invalid", message: "no" });
    const pauses = [0, 1_000, 2_000].map((nowMs) => {
      recordFault(tracked, refusal, { nowMs, maxPauseMs: 1_500 });
      return (applyDueAtMs(tracked) ?? 0) - nowMs;
    });
    assert.deepEqual(pauses, [500, 1_000, 1_500]);
    assert.deepEqual(
      [tracked.fault?.firstAtMs, tracked.fault?.permanent, tracked.fault?.message],
      [0, true, "no"],
    );
  });
});

describe("when a change of an object is seen", () => {
  it("does nothing for its own writes and for foreign fields", () => {
    const tracked = applied();
    assert.equal(observeObject(tracked, seen(live("5")), options), false);
    assert.equal(observeObject(tracked, seen(live("6")), options), false);
    assert.deepEqual([tracked.dirty, tracked.live?.resourceVersion], [false, "6"]);
  });

  it("reads health when its status may have changed", () => {
    const tracked = applied(true);
    assert.equal(observeObject(tracked, seen(live("6")), options), true);
    assert.deepEqual([tracked.dirty, tracked.stale], [false, true]);
  });

  it("applies it again when a field of ours changed, or it was made anew or deleted", () => {
    for (const observation of [seen(live("6", "f:less")), seen(live("6", "f:data", "another")), undefined]) {
      const tracked = applied();
      assert.equal(observeObject(tracked, observation, options), true);
      assert.equal(applyDueAtMs(tracked), 0);
    }
  });

  it("does not fight another manager in a tight loop", () => {
    const tracked = applied();
    const pauses = [0, 1_000, 2_000, 3_000].map((nowMs, index) => {
      observeObject(tracked, seen(live(String(10 + 2 * index), "f:less")), { ...options, nowMs });
      const pauseMs = (applyDueAtMs(tracked) ?? 0) - nowMs;
      recordApplied(tracked, live(String(11 + 2 * index)), beginApply(tracked));
      return pauseMs;
    });
    assert.deepEqual(pauses, [0, 500, 1_000, 2_000]);
  });
});

describe("when an object is part of the next revision too", () => {
  it("need not be sent again with the same content", () => {
    const next = carryOver(prepared(), applied());
    assert.deepEqual([next.dirty, next.applied, next.live?.resourceVersion], [false, "unchanged", "5"]);
  });

  it("is sent when its content changed, or when it was not in order", () => {
    assert.equal(carryOver(prepared("2"), applied()).dirty, true);
    const troubled = applied();
    troubled.dirty = true;
    assert.equal(carryOver(prepared(), troubled).dirty, true);
    assert.equal(carryOver(prepared(), undefined).dirty, true);
  });
});
