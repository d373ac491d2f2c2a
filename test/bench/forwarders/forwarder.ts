/** A way from a port of this machine to a target on the device's side. */
export interface Forwarder {
  readonly name: string;
  /** On 127.0.0.1 of this machine. */
  readonly port: number;
  /** Of the two processes that carry the data: this side's, and the device's. */
  readonly pids: readonly [number, number];
  stop(): Promise<void>;
}

/** Where the device's side runs, and how this side is reached from there. */
export interface DeviceSide {
  /** Address of this machine. */
  readonly hostAddress: string;
  /** Begins the command line of whatever runs there; empty where that is this machine itself. */
  readonly within: readonly string[];
}

export const sameMachine: DeviceSide = { hostAddress: "127.0.0.1", within: [] };
