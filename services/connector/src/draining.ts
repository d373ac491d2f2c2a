import { sleep } from "@rciots/runtime";
import { refusal } from "./refusal.ts";
import { endSession } from "./session-ending.ts";
import type { SessionRegistry } from "./session-registry.ts";
import type { Session } from "./session.ts";
import type { ConnectorSettings } from "./settings.ts";

/** Sends of thousands in one turn would stall the event loop. */
const drainBatch = 100;
const stepMs = 50;

function send(session: Session, withinMs: number, graceMs: number): void {
  const retryAfterMs = Math.round(Math.random() * withinMs);
  endSession(session, refusal("draining", "The connector is stopping.", retryAfterMs), graceMs);
}

/** All at once, to come back at different times: there may be nowhere else to go until this process is back. */
async function sendAll(sessions: Session[], { drainSpreadMs, cutGraceMs }: ConnectorSettings): Promise<void> {
  for (const [index, session] of sessions.entries()) {
    send(session, drainSpreadMs, cutGraceMs);
    if (index % drainBatch === drainBatch - 1) await new Promise((resolve) => setImmediate(resolve));
  }
}

/**
 * One after the other over `drainMoveMs`, to connect elsewhere at once: each is away for a moment only, and those that
 * wait for their turn are served until then. Sessions that carry streams are the last.
 */
async function moveAll(sessions: Session[], { drainMoveMs, cutGraceMs }: ConnectorSettings): Promise<void> {
  const streamsOf = ({ streams }: Session): number => streams?.streams ?? 0;
  const queue = [...sessions].sort((a, b) => streamsOf(a) - streamsOf(b));
  const startedAt = performance.now();
  for (let sent = 0; sent < queue.length;) {
    await sleep(stepMs);
    const passed = Math.min(1, (performance.now() - startedAt) / drainMoveMs);
    const due = Math.ceil(queue.length * passed);
    for (const session of queue.slice(sent, due)) send(session, stepMs, cutGraceMs);
    sent = Math.max(sent, due);
  }
}

/** Sends every peer away, and waits until they are gone or time is up. */
export async function drainSessions(registry: SessionRegistry, settings: ConnectorSettings): Promise<void> {
  const sessions = registry.all();
  await (settings.drainMoveMs === 0 ? sendAll(sessions, settings) : moveAll(sessions, settings));
  const giveUpAt = Date.now() + settings.drainMs;
  while (registry.size + registry.opening > 0 && Date.now() < giveUpAt) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  // What was written last needs a moment to reach the peers.
  if (sessions.length > 0) await new Promise((resolve) => setTimeout(resolve, settings.cutGraceMs));
}
