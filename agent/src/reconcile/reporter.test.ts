import assert from "node:assert/strict";
import { silentLogger } from "@rciots/runtime";
import { eventually } from "../../../test/cluster/fixture.ts";
import { createReporter, type Reporter } from "./reporter.ts";
import type { RevisionReport } from "./revision.ts";

describe("when reports are sent", () => {
  let current: RevisionReport | undefined;
  let sent: { readonly report: RevisionReport; readonly atMs: number }[];
  let reporter: Reporter;
  const report = (state: RevisionReport["state"], message?: string): RevisionReport => ({
    revision: 1,
    state,
    counts: {},
    objects: [],
    ...(message === undefined ? {} : { message }),
  });
  const states = () =>
    sent.map(({ report: { state, message } }) => (message ? `${state} ${message}` : state));
  const create = (
    onReport = (given: RevisionReport) => void sent.push({ report: given, atMs: performance.now() }),
  ) =>
    (reporter = createReporter({
      onReport,
      snapshot: () => current,
      minIntervalMs: 20,
      objectsIntervalMs: 60,
      logger: silentLogger,
    }));
  beforeEach(() => {
    [current, sent] = [undefined, []];
    create();
  });
  afterEach(() => reporter.stop());

  it("says nothing where there is nothing to say, and nothing twice", async () => {
    reporter.mark();
    current = report("applying");
    reporter.mark();
    reporter.touch();
    reporter.mark();
    await eventually(() => assert.deepEqual(states(), ["applying"]));
    await reporter.stop();
    assert.deepEqual(states(), ["applying"]);
  });

  it("tells changes that follow closely as one, and keeps its distance", async () => {
    current = report("applying");
    reporter.mark();
    for (let index = 0; index <= 50; index++) {
      current = report("applying", String(index));
      reporter.touch();
    }
    await eventually(() => assert.equal(states().at(-1), "applying 50"));
    assert.ok(sent.length <= 3, states().join());
    const gaps = sent.slice(1).map(({ atMs }, index) => atMs - (sent[index]?.atMs ?? 0));
    assert.ok(
      gaps.every((gapMs) => gapMs >= 10),
      gaps.join(),
    );
  });

  it("tells every final state, however soon the next one follows", async () => {
    for (const state of [
      "applying",
      "progressing",
      "failed",
      "applying",
      "rolled_back",
      "applying",
      "healthy",
    ] as const) {
      current = report(state);
      reporter.mark();
    }
    await eventually(() => assert.equal(states().at(-1), "healthy"));
    assert.deepEqual(
      states().filter((state) => state !== "applying"),
      ["failed", "rolled_back", "healthy"],
    );
  });

  it("tells what is left when it is stopped", async () => {
    current = report("failed");
    reporter.mark();
    reporter.tell(report("rolled_back", "told"));
    current = report("healthy");
    reporter.mark();
    await reporter.stop();
    assert.deepEqual(states(), ["failed", "rolled_back told", "healthy"]);
  });

  it("survives a receiver that throws", async () => {
    let calls = 0;
    create(() => {
      calls += 1;
      throw new Error("not now");
    });
    current = report("applying");
    reporter.mark();
    await eventually(() => assert.equal(calls, 1));
    current = report("healthy");
    reporter.mark();
    await eventually(() => assert.equal(calls, 2));
  });
});
