import { connect, type TLSSocket } from "node:tls";
import { createMultiplexer, streamLimits, type ByteStream } from "@rciots/protocol";
import { errorMessage } from "@rciots/runtime";
import { peerName, type PeerIdentity } from "./peer-identity.ts";
import { createRelayLink } from "./relay-link.ts";
import type { RelayRequest } from "./relay-request.ts";
import type { RelaySettings } from "./settings.ts";

/** The connection to one other process. */
export interface Peer {
  /** Rejects with a `StreamFault`. */
  open(request: RelayRequest, signal?: AbortSignal): Promise<ByteStream>;
  /** Aborted once it is over. */
  readonly closed: AbortSignal;
  close(reason: string): void;
}

/** `10.0.0.7:8446` or `[fd00::7]:8446`. */
export function parseAddress(address: string): { host: string; port: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(address) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) throw new Error(`${address} is no address such as 10.0.0.7:8446.`);
  return { host, port: Number(port) };
}

/** Resolves once both ends know each other; rejects with an Error within `connectTimeoutMs`. */
function dial(address: string, identity: PeerIdentity, timeoutMs: number): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...parseAddress(address),
      ...identity.current(),
      servername: peerName,
      minVersion: "TLSv1.3",
    });
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      socket.off("error", onError);
      socket.off("close", onClose);
      act();
    };
    const fail = (reason: string): void =>
      settle(() => {
        socket.on("error", () => undefined);
        socket.destroy();
        reject(new Error(reason));
      });
    const onError = (error: Error): void => fail(error.message);
    const onClose = (): void => fail("The connection was closed.");
    const timer = setTimeout(() => fail(`There was no answer in ${timeoutMs} ms.`), timeoutMs);
    socket.on("error", onError);
    socket.on("close", onClose);
    socket.once("secureConnect", () => settle(() => resolve(socket)));
  });
}

/** Connects to the process at an address. Rejects with an Error that says why it can't be reached. */
export async function connectPeer(options: {
  address: string;
  identity: PeerIdentity;
  settings: RelaySettings;
}): Promise<Peer> {
  const { address, identity, settings } = options;
  const socket = await dial(address, identity, settings.connectTimeoutMs);
  let idleBeats = 0;

  function endIdle(): void {
    idleBeats = multiplexer.streams === 0 ? idleBeats + 1 : 0;
    if (idleBeats >= settings.idleBeats) relay.close("Nothing went over it for long.");
  }

  const relay = createRelayLink({
    socket,
    settings,
    onFrame: (frame) => multiplexer.receive(frame),
    onBeat: endIdle,
  });
  const multiplexer = createMultiplexer({
    side: "platform",
    link: relay.link,
    onViolation: (reason) => relay.close(`The other process sent ${reason}.`),
    limits: { ...streamLimits, streams: settings.maxStreams, windowPoolBytes: settings.windowPoolBytes },
  });
  relay.closed.addEventListener("abort", () => {
    const message = `The process that holds the device's session is gone: ${errorMessage(relay.closed.reason)}`;
    multiplexer.close({ code: "session_ended", message });
  });
  return { open: multiplexer.open, closed: relay.closed, close: relay.close };
}
