import { errorMessage, type Logger } from "@rciots/runtime";
import type { Peer } from "./peer.ts";

export interface Peers {
  /** The connection to a process, made where there is none. Rejects with an Error where it can't be reached. */
  reach(id: string): Promise<Peer>;
  stop(): void;
  readonly size: number;
}

/** One connection to each other process, which all that goes there shares. It is made anew when it is next needed. */
export function createPeers(options: {
  /** Where a process is reached; undefined where nobody knows. */
  addressOf: (id: string) => Promise<string | undefined>;
  connect: (address: string) => Promise<Peer>;
  logger: Logger;
}): Peers {
  const { addressOf, connect, logger } = options;
  const peers = new Map<string, Promise<Peer>>();
  let isStopped = false;

  async function make(id: string): Promise<Peer> {
    const address = await addressOf(id);
    if (address === undefined) throw new Error("Nobody knows where it is reached.");
    const peer = await connect(address);
    peer.closed.addEventListener("abort", () => {
      peers.delete(id);
      logger.info({ peer: id, reason: errorMessage(peer.closed.reason) }, "relay ended");
    });
    if (isStopped) peer.close("The process is stopping.");
    else logger.info({ peer: id, address }, "relay begun");
    return peer;
  }

  return {
    reach(id) {
      if (isStopped) return Promise.reject(new Error("The process is stopping."));
      const known = peers.get(id);
      if (known !== undefined) return known;
      const made = make(id);
      peers.set(id, made);
      made.catch((error: unknown) => {
        peers.delete(id);
        logger.warn({ peer: id, error: errorMessage(error) }, "process can't be reached");
      });
      return made;
    },
    stop() {
      isStopped = true;
      for (const peer of peers.values()) {
        peer.then(
          ({ close }) => close("The process is stopping."),
          () => undefined,
        );
      }
    },
    get size() {
      return peers.size;
    },
  };
}
