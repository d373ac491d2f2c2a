import type { Tunnel, TunnelUsage } from "./models.ts";

/** As it lies in the store; documents of former releases have no reports. */
export type StoredTunnel = Omit<Tunnel, "state" | "message" | "reports" | "usage"> & {
  reports?: Tunnel["reports"];
  usage: Omit<TunnelUsage, "liveConnections">;
};

/**
 * A tunnel as people see it: open where at least one connector listens, failed where none can. What a connector said
 * that died doesn't count.
 */
export function standingOf(tunnel: StoredTunnel, live: ReadonlySet<string>): Tunnel {
  const { reports: said = {}, usage, ...rest } = tunnel;
  const reports = Object.fromEntries(Object.entries(said).filter(([id]) => live.has(id)));
  const all = Object.values(reports);
  const failed = all.find(({ state }) => state === "failed");
  const isOpen = all.some(({ state }) => state === "open");
  const { connections, sentBytes, receivedBytes, lastUsedAt } = usage;
  const liveConnections = all.reduce((sum, listening) => sum + listening.liveConnections, 0);
  return {
    ...rest,
    state: isOpen ? "open" : failed === undefined ? "opening" : "failed",
    message: isOpen ? null : (failed?.message ?? null),
    reports,
    usage: { connections, liveConnections, sentBytes, receivedBytes, lastUsedAt },
  };
}
