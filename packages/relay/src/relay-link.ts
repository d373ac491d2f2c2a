import { setImmediate as turn } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { createFrameLink, frameHeaderBytes, streamLimits, type FrameLink } from "@rciots/protocol";
import { sleep } from "@rciots/runtime";
import type { RelaySettings } from "./settings.ts";

/** Length of a frame, as uint32 big-endian before it. */
const lengthBytes = 4;
/** A frame of data is the largest there is. */
const maxFrameBytes = frameHeaderBytes + streamLimits.frameDataBytes;
/** A frame without any bytes says that its sender lives. */
const beat = Buffer.alloc(lengthBytes);

export interface RelayLink {
  readonly link: FrameLink;
  /** Aborted once the connection is over; its reason says why. */
  readonly closed: AbortSignal;
  close(reason: string): void;
}

/** The frames of a multiplexer on a TLS connection between two processes, and how each knows that the other lives. */
export function createRelayLink(options: {
  socket: TLSSocket;
  settings: Pick<RelaySettings, "beatMs" | "silentBeats">;
  onFrame: (frame: Buffer) => void;
  /** Called with each beat of this end. */
  onBeat?: () => void;
}): RelayLink {
  const { socket, settings, onFrame, onBeat } = options;
  const closing = new AbortController();
  let unheardBeats = 0;

  function close(reason: string): void {
    if (closing.signal.aborted) return;
    closing.abort(new Error(reason));
    socket.destroy();
  }

  /** A process that stood still itself hears first what came meanwhile, and counts one beat for all that time. */
  async function live(): Promise<void> {
    while (!closing.signal.aborted) {
      await sleep(settings.beatMs, closing.signal);
      await turn();
      if (closing.signal.aborted) return;
      if (unheardBeats >= settings.silentBeats) return close("The other process says nothing any more.");
      unheardBeats += 1;
      socket.write(beat);
      onBeat?.();
    }
  }

  const read = createFrameReader({ onFrame, onViolation: close });
  socket.setNoDelay(true);
  socket.on("data", (chunk: Buffer) => {
    unheardBeats = 0;
    read(chunk);
  });
  socket.on("error", (error: Error) => close(`The connection broke: ${error.message}`));
  socket.on("end", () => close("The other process closed the connection."));
  socket.on("close", () => close("The connection was closed."));
  void live();
  return { link: createFrameLink(socket, frameStart), closed: closing.signal, close };
}

/** A frame's length ahead of it. */
function frameStart(frameBytes: number, head: Uint8Array): Buffer {
  const start = Buffer.allocUnsafe(lengthBytes + head.byteLength);
  start.writeUInt32BE(frameBytes);
  start.set(head, lengthBytes);
  return start;
}

/** Puts what comes in any pieces together to frames; copies those only that came in several. */
export function createFrameReader(options: {
  onFrame: (frame: Buffer) => void;
  onViolation: (reason: string) => void;
}): (chunk: Buffer) => void {
  let pieces: Buffer[] = [];
  let haveBytes = 0;
  let neededBytes = lengthBytes;
  let isBroken = false;

  /** The length of the frame that `bytes` begin with; undefined while it isn't there. */
  function lengthOf(bytes: Buffer): number | undefined {
    return bytes.length < lengthBytes ? undefined : bytes.readUInt32BE(0);
  }

  return (chunk) => {
    pieces.push(chunk);
    haveBytes += chunk.length;
    if (haveBytes < neededBytes || isBroken) return;
    let bytes = pieces.length === 1 ? chunk : Buffer.concat(pieces, haveBytes);
    for (let length = lengthOf(bytes); length !== undefined; length = lengthOf(bytes)) {
      if (length > maxFrameBytes) {
        isBroken = true;
        return options.onViolation("The other process sent a frame that is too large.");
      }
      neededBytes = lengthBytes + length;
      if (bytes.length < neededBytes) break;
      if (length > 0) options.onFrame(bytes.subarray(lengthBytes, neededBytes));
      bytes = bytes.subarray(neededBytes);
      neededBytes = lengthBytes;
    }
    pieces = [bytes];
    haveBytes = bytes.length;
  };
}
