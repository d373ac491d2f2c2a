import type { Session } from "./session.ts";

/**
 * The sessions of this connector. A device has at most one current session (the newest); besides it there may
 * be others that are still being checked, so that a hint about the device reaches those too.
 */
export interface SessionRegistry {
  /** Sessions that count: connected or live. */
  readonly size: number;
  readonly opening: number;
  current(deviceId: string): Session | undefined;
  all(): Session[];
  ofDevice(deviceId: string): Session[];
  addOpening(session: Session): void;
  removeOpening(session: Session): void;
  /** Returns the session it replaces, or undefined; refuses (false) where a newer one is current already. */
  promote(session: Session): { replaced: Session | undefined } | false;
  /** True when it was the device's current one. */
  remove(session: Session): boolean;
}

export function createSessionRegistry(): SessionRegistry {
  const current = new Map<string, Session>();
  const opening = new Set<Session>();
  return {
    get size() {
      return current.size;
    },
    get opening() {
      return opening.size;
    },
    current: (deviceId) => current.get(deviceId),
    all: () => [...current.values()],
    ofDevice(deviceId) {
      const found = [...opening].filter((session) => session.identity.deviceId === deviceId);
      const session = current.get(deviceId);
      return session === undefined ? found : [session, ...found];
    },
    addOpening: (session) => void opening.add(session),
    removeOpening: (session) => void opening.delete(session),
    promote(session) {
      opening.delete(session);
      const { deviceId } = session.identity;
      const replaced = current.get(deviceId);
      if (replaced !== undefined && replaced.epoch > session.epoch) return false;
      current.set(deviceId, session);
      return { replaced };
    },
    remove(session) {
      opening.delete(session);
      const { deviceId } = session.identity;
      return current.get(deviceId) === session && current.delete(deviceId);
    },
  };
}
