import { channelParser, malformedEvent } from "@rciots/protocol";

interface DecodedPacket {
  type: number;
  nsp: string;
  data?: unknown;
}

const packetTypes = { connect: 0, event: 2, connectError: 4 };

/**
 * The channel's parser with two more checks that only this end needs: socket.io-client makes an Error from the
 * message of a refusal, and an identifier from a welcome, without a look at their types.
 */
class ClientDecoder extends channelParser.Decoder {
  override on(event: string, listener: (...args: unknown[]) => void): this {
    return super.on(event, (packet) => listener(checked(packet as DecodedPacket)));
  }
}

function checked(packet: DecodedPacket): DecodedPacket {
  const { sid, message } = (packet.data ?? {}) as { sid?: unknown; message?: unknown };
  const isBad =
    (packet.type === packetTypes.connect && typeof sid !== "string") ||
    (packet.type === packetTypes.connectError && typeof message !== "string");
  if (!isBad) return packet;
  return {
    type: packetTypes.event,
    nsp: "/",
    data: [malformedEvent, "a welcome or refusal without its text"],
  };
}

/** For the `parser` option of socket.io-client. */
export const clientParser = { Encoder: channelParser.Encoder, Decoder: ClientDecoder };
