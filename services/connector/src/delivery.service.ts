import { errorMessage, type Logger } from "@rciots/runtime";
import type { DesiredState } from "@rciots/protocol";
import type { DesiredReader } from "./desired.service.ts";
import { isAcknowledged } from "./device-call.ts";
import { isSameContent, toldOf, type Session } from "./session.ts";

export interface Delivery {
  /** These devices may have to run something else. Returns at once; what fails is found by the patrol. */
  consider(sessions: Session[]): void;
  /** Offers a device what it should run, unless it was told or is being told. */
  offer(session: Session, desired: DesiredState): void;
  /** Since the start: told, and acknowledged. */
  counts(): Record<"offered" | "taken", number>;
  /** Resolves when nothing is under way. */
  drain(): Promise<void>;
}

const batchSize = 100;

/** Brings changes of desired state to live sessions, a hundred at a time. */
export function createDelivery(options: {
  desired: DesiredReader;
  logger: Logger;
  ackTimeoutMs: number;
}): Delivery {
  const { desired, logger, ackTimeoutMs } = options;
  const waiting = new Set<Session>();
  const counts = { offered: 0, taken: 0 };
  let running: Promise<void> | undefined;

  function offer(session: Session, state: DesiredState): void {
    const told = toldOf(state);
    const isNews = !isSameContent(session.told, told) && told.revision >= session.told.revision;
    if (session.state !== "live" || !isNews || session.offering === told.revision) return;
    session.offering = told.revision;
    counts.offered += 1;
    void isAcknowledged(session, "desired:changed", state, ackTimeoutMs).then((isTaken) => {
      if (session.offering === told.revision) session.offering = -1;
      if (isTaken) counts.taken += 1;
      if (isTaken && told.revision >= session.told.revision) session.told = told;
    });
  }

  async function considerOne(session: Session): Promise<void> {
    if (session.state !== "live") return;
    try {
      const { device, desired: state } = await desired.of(session.identity.deviceId);
      if (device.status === "active") offer(session, state);
    } catch (error) {
      const { deviceId } = session.identity;
      logger.warn({ deviceId, error: errorMessage(error) }, "desired state could not be computed");
    }
  }

  async function run(): Promise<void> {
    while (waiting.size > 0) {
      const batch = [...waiting].slice(0, batchSize);
      for (const session of batch) waiting.delete(session);
      await Promise.all(batch.map(considerOne));
      await new Promise((resolve) => setImmediate(resolve));
    }
    running = undefined;
  }

  return {
    consider(sessions) {
      for (const session of sessions) waiting.add(session);
      if (waiting.size > 0) running ??= run();
    },
    offer,
    counts: () => ({ ...counts }),
    async drain() {
      await running;
    },
  };
}
