/** Bounds and rhythms of relays. Tests shorten them; the platform runs with the defaults. */
export interface RelaySettings {
  /** Of the TCP connection and its handshake. */
  connectTimeoutMs: number;
  /** How often each end says that it lives. */
  beatMs: number;
  /** Beats of its own without a word from the peer, after which that is taken for dead. */
  silentBeats: number;
  /** Beats without a stream, after which the connection is closed. */
  idleBeats: number;
  /** Processes that may be connected to one relay. */
  maxPeers: number;
  /** Streams of one peer. */
  maxStreams: number;
  /** For what the streams of one peer have waiting, beyond the least of each. */
  windowPoolBytes: number;
}

export const defaultRelaySettings: RelaySettings = {
  connectTimeoutMs: 5_000,
  beatMs: 2_000,
  silentBeats: 3,
  idleBeats: 150,
  maxPeers: 256,
  maxStreams: 8_192,
  windowPoolBytes: 64 * 1_048_576,
};
