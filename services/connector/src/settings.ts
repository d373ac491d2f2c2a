import { limits } from "@rciots/protocol";

/** Bounds and rhythms of the connector. Tests shorten them; the platform runs with the defaults. */
export interface ConnectorSettings {
  pingIntervalMs: number;
  pingTimeoutMs: number;
  /** How long a device has to answer a call. */
  ackTimeoutMs: number;
  /** From TLS handshake to the socket.io CONNECT packet. */
  connectTimeoutMs: number;
  /** From the session's start to `session:hello`. */
  helloTimeoutMs: number;
  /** In which every live session is looked at again, whatever hints were lost. */
  patrolIntervalMs: number;
  leaseMs: number;
  leaseRenewMs: number;
  /** How often the leases of other connectors are looked at. */
  sweepIntervalMs: number;
  authorityRefreshMs: number;
  /** How often tunnels are looked at: their usage, their idleness, their time. */
  tunnelIntervalMs: number;
  /** How long ports stay open while their device is between two connectors. */
  tunnelMoveMs: number;
  /** After which new TLS ticket keys are made. */
  ticketKeyLifetimeMs: number;
  ticketKeyCheckMs: number;
  /** Sessions held at once; more are told `busy`. */
  maxSessions: number;
  /** Connections between TCP accept and session; more are reset before any cryptography is spent on them. */
  maxHandshakes: number;
  /** Connects whose identity is being checked; more are told `busy`. */
  maxOpening: number;
  /** Hellos being answered; more are told `busy`. */
  maxHellos: number;
  /** Calls of one session being handled. */
  maxCallsInFlight: number;
  /** `bundle:read` of one session being handled. */
  maxReadsInFlight: number;
  /** `bundle:read` of all sessions being handled. */
  maxReads: number;
  /** Frames that wait for a peer that does not read; more end the session. */
  maxQueuedFrames: number;
  /** Calls that others have open on one device, and on all of an organisation; more are refused. */
  maxRemoteCallsPerDevice: number;
  maxRemoteCallsPerOrganization: number;
  /** Messages a session may send at once, and how many more each second. */
  messageBurst: number;
  messagesPerSecond: number;
  /** Faults a session may make at once, and how many more each minute. */
  faultBurst: number;
  faultsPerMinute: number;
  /** Renewals a device may ask for at once, and how many more each hour. */
  renewalBurst: number;
  renewalsPerHour: number;
  maxRenewals: number;
  /** What is left of a stop for the peers to leave. */
  drainMs: number;
  /** Devices of a connector that stops come back at a time of their own within this long. */
  drainSpreadMs: number;
  /**
   * Where others take the devices of a connector that stops: they are sent to them one by one over this long. 0: all
   * at once, to come back within `drainSpreadMs`.
   */
  drainMoveMs: number;
  /** How far from its fair share it may be before sessions are sent to others, in percent; 0: they stay. */
  rebalancePercent: number;
  /** And in sessions: fewer are not worth a reconnect. */
  rebalanceMinSessions: number;
  /** Between two looks at what the others have, and as long as one look is good for. */
  rebalanceIntervalMs: number;
  /** All connectors have been there and ready for this long before sessions are sent. */
  rebalanceSettleMs: number;
  /** Sessions that had nothing to do for this long may be sent. */
  rebalanceQuietMs: number;
  /** Between the last message of a session that is cut and the end of its TCP connection. */
  cutGraceMs: number;
}

export const defaultSettings: ConnectorSettings = {
  pingIntervalMs: limits.pingIntervalMs,
  pingTimeoutMs: limits.pingTimeoutMs,
  ackTimeoutMs: limits.ackTimeoutMs,
  connectTimeoutMs: 10_000,
  helloTimeoutMs: 30_000,
  patrolIntervalMs: 25_000,
  leaseMs: 15_000,
  leaseRenewMs: 5_000,
  sweepIntervalMs: 5_000,
  authorityRefreshMs: 30_000,
  tunnelIntervalMs: 5_000,
  tunnelMoveMs: 10_000,
  ticketKeyLifetimeMs: 86_400_000,
  ticketKeyCheckMs: 60_000,
  maxSessions: 50_000,
  // Two cores admit some 100 to 200 devices a second, and a device waits ten seconds for its welcome: much more than five
  // seconds' worth at once is given up before it is its turn. Far less sends too many into long pauses.
  maxHandshakes: 1_000,
  maxOpening: 1_000,
  maxHellos: 1_000,
  maxCallsInFlight: 16,
  maxReadsInFlight: 2,
  maxReads: 64,
  maxQueuedFrames: 1_024,
  maxRemoteCallsPerDevice: 4,
  maxRemoteCallsPerOrganization: 64,
  messageBurst: 400,
  messagesPerSecond: 50,
  faultBurst: 50,
  faultsPerMinute: 6,
  renewalBurst: 3,
  renewalsPerHour: 6,
  maxRenewals: 4,
  drainMs: 5_000,
  drainSpreadMs: 10_000,
  drainMoveMs: 0,
  rebalancePercent: 0,
  rebalanceMinSessions: 10,
  rebalanceIntervalMs: 5_000,
  rebalanceSettleMs: 30_000,
  rebalanceQuietMs: 10_000,
  cutGraceMs: 400,
};
