import assert from "node:assert/strict";
import { chooseMovers } from "./rebalancing.ts";
import type { Session } from "./session.ts";

const quietSinceMs = 1_000;

function session(deviceId: string, change: object = {}): Session {
  const idle = { state: "live", calls: 0, asked: 0, offering: -1, workedAt: 500, streams: undefined };
  const socket = { conn: { writeBuffer: [] } };
  return { identity: { deviceId }, socket, ...idle, ...change } as unknown as Session;
}
const withStreams = (deviceId: string, streams: number): Session =>
  session(deviceId, { streams: { streams } });

function chosen(sessions: Session[], count: number, ports: string[] = []): string[] {
  const movers = chooseMovers(sessions, count, { quietSinceMs, withPorts: new Set(ports) });
  return movers.map(({ identity }) => identity.deviceId);
}

describe("when sessions are chosen to go to another connector", () => {
  it("takes those that have been there longest, and no more than asked for", () => {
    assert.deepEqual(chosen([session("a"), session("b"), session("c")], 2), ["a", "b"]);
  });

  it("leaves those that have something to do", () => {
    const busy = {
      "is being checked": { state: "opening" },
      "has not said hello": { state: "connected" },
      "is on its way out": { state: "ended" },
      "waits for an answer": { calls: 1 },
      "is being asked": { asked: 1 },
      "is being told what to run": { offering: 7 },
      "has just done something": { workedAt: 1_001 },
      "has yet to take what was sent": { socket: { conn: { writeBuffer: ["frame"] } } },
    };
    const sessions = Object.entries(busy).map(([name, change]) => session(name, change));
    assert.deepEqual(chosen([...sessions, session("idle")], 9), ["idle"]);
  });

  it("leaves those that carry streams or ports lead to, while there is any other", () => {
    const sessions = [withStreams("streams", 1), session("port"), session("free")];
    assert.deepEqual(chosen(sessions, 3, ["port"]), ["free"]);
    const later = [withStreams("streams", 1), session("busy", { calls: 1 })];
    assert.deepEqual(chosen(later, 3), [], "it waits for the one that is busy");
  });

  it("takes those with the fewest streams where all carry some", () => {
    const sessions = [withStreams("many", 5), withStreams("few", 1), withStreams("some", 2)];
    assert.deepEqual(chosen(sessions, 2), ["few", "some"]);
  });
});
