import assert from "node:assert/strict";
import { createFairShare, type FairShare, type Neighbour } from "./fair-share.ts";

const roundMs = 10_000;
const hourMs = 3_600_000;
/** As a connector does it: one in a hundred a second for five seconds, 2 to 25 of them. */
const perRound = (held: number): number => 5 * Math.min(25, Math.max(2, Math.ceil(held / 100)));

/** Numbers from 0 to 1 that are the same in each run. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Deal = (from: number, counts: readonly number[]) => number;

/** Connectors that see of each other what was so a round ago, and a balancer that deals out what they send away. */
function simulate(options: { counts: number[]; deal: Deal; percent?: number }) {
  const { deal, percent = 20 } = options;
  const counts = [...options.counts];
  const rest = { now: 0 };
  const shares: FairShare[] = counts.map(() =>
    createFairShare({ percent, minSessions: 10, settleMs: 30_000, now: () => rest.now }),
  );
  let published = [...counts];
  let moves = 0;
  const ends: string[] = [];

  function othersOf(index: number): Neighbour[] {
    return published.flatMap((sessions, id) =>
      id === index ? [] : [{ id: String(id), load: { sessions, state: "ready" as const } }],
    );
  }

  function move(from: number): void {
    moves += 1;
    counts[from] = (counts[from] ?? 0) - 1;
    const to = deal(from, counts);
    counts[to] = (counts[to] ?? 0) + 1;
  }

  function round(index: number): void {
    const share = shares[index];
    const own = counts[index] ?? 0;
    const verdict = share?.judge(own, othersOf(index));
    if (verdict?.kind === "given-up" || verdict?.kind === "balanced") ends.push(verdict.kind);
    if (verdict?.kind !== "send") return;
    const may = perRound(own);
    let sent = 0;
    while (sent < may && (counts[index] ?? 0) > verdict.downTo) {
      move(index);
      sent += 1;
    }
    share?.sent(sent);
  }

  return {
    counts,
    ends,
    moves: () => moves,
    run(ms: number) {
      for (const until = rest.now + ms; rest.now < until; rest.now += roundMs) {
        const said = [...counts];
        for (const index of counts.keys()) round(index);
        published = said;
      }
    },
  };
}

const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);
function assertFair(counts: readonly number[], percent = 20): void {
  const share = total(counts) / counts.length;
  for (const count of counts)
    assert.ok(Math.abs(count - share) <= Math.max(10, (share * percent) / 100), counts.join(" "));
}

const balancers: Record<string, (seed: number) => Deal> = {
  "at random": (seed) => {
    const random = createRandom(seed);
    return (_from, counts) => Math.floor(random() * counts.length);
  },
  "in turn": () => {
    let turn = 0;
    return (_from, counts) => turn++ % counts.length;
  },
  "to whoever has the least": () => (_from, counts) => counts.indexOf(Math.min(...counts)),
};

describe("when sessions are shared out between connectors", () => {
  for (const [name, balancer] of Object.entries(balancers))
    for (const start of [
      [45, 45, 0],
      [5_000, 5_000, 0],
      [9_000, 0],
      [3_000, 1_000, 500],
      [1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 0],
    ])
      it(`evens out ${start.join(" ")} behind a balancer that deals ${name}, and then leaves it`, () => {
        for (const seed of [1, 2, 3]) {
          const fleet = simulate({ counts: start, deal: balancer(seed) });
          fleet.run(hourMs);
          assertFair(fleet.counts);
          assert.equal(total(fleet.counts), total(start));
          assert.ok(fleet.moves() <= 1.5 * total(start), `${fleet.moves()} moves`);
          assert.deepEqual(
            fleet.ends.filter((end) => end !== "balanced"),
            [],
          );
          const before = fleet.moves();
          fleet.run(4 * hourMs);
          assert.equal(fleet.moves(), before, "nobody is sent about any more");
        }
      });

  it("moves nobody where chance alone has spread them", () => {
    const random = createRandom(7);
    const counts = [0, 0, 0];
    for (let device = 0; device < 3_000; device += 1) {
      const to = Math.floor(random() * 3);
      counts[to] = (counts[to] ?? 0) + 1;
    }
    const fleet = simulate({ counts, deal: () => 0 });
    fleet.run(24 * hourMs);
    assert.equal(fleet.moves(), 0, counts.join(" "));
  });

  const hopeless: Record<string, Deal> = {
    "brings everybody back": (from) => from,
    "sends everybody to the same one": () => 0,
    "never reaches the one that has none": (from) => (from === 0 ? 1 : 0),
    "reaches it so rarely that it is no use": (() => {
      const random = createRandom(11);
      return (from: number) => (random() < 0.01 ? 2 : from);
    })(),
  };
  for (const [name, deal] of Object.entries(hopeless))
    it(`gives up behind a balancer that ${name}, and tries again ever later`, () => {
      const fleet = simulate({ counts: [3_000, 3_000, 0], deal });
      fleet.run(hourMs / 4);
      assert.ok(fleet.ends.includes("given-up"));
      assert.ok(fleet.moves() < 1_500, `${fleet.moves()} moves at first`);
      fleet.run(24 * hourMs);
      const onFirstDay = fleet.moves();
      assert.ok(onFirstDay < 6_000, `${onFirstDay} moves on the first day`);
      fleet.run(24 * hourMs);
      assert.ok(fleet.moves() - onFirstDay < 2_500, `${fleet.moves() - onFirstDay} on the second`);
    });
});

describe("when a connector judges its share", () => {
  const ready = (id: string, sessions: number): Neighbour => ({ id, load: { sessions, state: "ready" } });
  function createJudge() {
    const clock = { now: 0 };
    const share = createFairShare({ percent: 20, minSessions: 10, settleMs: 30_000, now: () => clock.now });
    return {
      share,
      /** The last verdict after the same was seen for `ms`. */
      after(ms: number, own: number, others: Neighbour[]) {
        share.judge(own, others);
        clock.now += ms;
        return share.judge(own, others);
      },
    };
  }

  it("keeps everything where there is no other, and where the others have as many", () => {
    const { after } = createJudge();
    assert.equal(after(60_000, 1_000, []).kind, "keep");
    assert.equal(after(60_000, 119, [ready("b", 100), ready("c", 100)]).kind, "keep");
    assert.equal(after(60_000, 9, [ready("b", 0)]).kind, "keep", "too few to be worth it");
  });

  it("sends once all have been there and ready for a while, and not before", () => {
    const { after } = createJudge();
    assert.equal(after(29_000, 300, [ready("b", 0)]).kind, "keep");
    const verdict = after(1_000, 300, [ready("b", 0)]);
    assert.deepEqual(verdict, { kind: "send", downTo: 150, share: 150, isNew: true });
    assert.equal(after(29_000, 300, [ready("b", 0), ready("c", 0)]).kind, "keep", "one has joined");
    assert.equal(after(1_000, 300, [ready("b", 0), ready("c", 0)]).kind, "send");
    assert.equal(after(29_000, 300, [ready("b", 0)]).kind, "keep", "one is gone");
  });

  for (const state of ["unready", "draining", "overloaded"] as const)
    it(`sends nothing while another is ${state}, and for a while after`, () => {
      const { after } = createJudge();
      assert.equal(after(60_000, 300, [ready("b", 0), ready("c", 0)]).kind, "send");
      const others = [ready("b", 0), { id: "c", load: { sessions: 0, state } }];
      assert.equal(after(60_000, 300, others).kind, "keep");
      assert.equal(after(29_000, 300, [ready("b", 0), ready("c", 0)]).kind, "keep");
      assert.equal(after(1_000, 300, [ready("b", 0), ready("c", 0)]).kind, "send");
    });

  it("sends nothing beside one that says nothing of itself, as one of a version before", () => {
    const { after } = createJudge();
    assert.equal(after(600_000, 300, [ready("b", 0), { id: "c", load: null }]).kind, "keep");
  });

  it("stops where everybody has about the same, and says how many went", () => {
    const { share, after } = createJudge();
    assert.equal(after(60_000, 300, [ready("b", 100)]).kind, "send");
    share.sent(95);
    assert.deepEqual(share.judge(205, [ready("b", 195)]), { kind: "balanced", sent: 95 });
    assert.deepEqual(share.judge(215, [ready("b", 185)]), { kind: "keep" });
  });
});
