import { refusal } from "./refusal.ts";
import { endSession } from "./session-ending.ts";
import type { SessionRegistry } from "./session-registry.ts";
import type { ConnectorSettings } from "./settings.ts";

/** Sends of thousands in one turn would stall the event loop. */
const drainBatch = 100;

/** Tells every peer to come back later, at different times, and waits until they are gone or time is up. */
export async function drainSessions(registry: SessionRegistry, settings: ConnectorSettings): Promise<void> {
  const sessions = registry.all();
  for (const [index, session] of sessions.entries()) {
    const retryAfterMs = Math.round(Math.random() * settings.drainSpreadMs);
    endSession(session, refusal("draining", "The connector is stopping.", retryAfterMs), settings.cutGraceMs);
    if (index % drainBatch === drainBatch - 1) await new Promise((resolve) => setImmediate(resolve));
  }
  const giveUpAt = Date.now() + settings.drainMs;
  while (registry.size + registry.opening > 0 && Date.now() < giveUpAt) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  // What was written last needs a moment to reach the peers.
  if (sessions.length > 0) await new Promise((resolve) => setTimeout(resolve, settings.cutGraceMs));
}
