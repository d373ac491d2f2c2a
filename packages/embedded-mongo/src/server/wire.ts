import { decodeDocument } from "../bson/decode.ts";
import type { Encoder } from "../bson/encode.ts";
import type { Document, Value } from "../bson/values.ts";
import { EmbeddedMongoError } from "../errors.ts";

/** Operation codes of MongoDB's wire protocol. */
const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;
const HEADER_BYTES = 16;

const flag = { checksumPresent: 1, moreToCome: 2, knownRequired: 0xffff } as const;

export interface WireMessage {
  readonly requestId: number;
  readonly db: string;
  readonly command: Document;
  /** The client wants no answer. */
  readonly silent: boolean;
  readonly legacy: boolean;
}

function protocolError(message: string): EmbeddedMongoError {
  return new EmbeddedMongoError("PROTOCOL", message);
}

/** Reads one whole message. Throws EmbeddedMongoError PROTOCOL, after which the connection is of no use. */
export function parseMessage(message: Buffer): WireMessage {
  const operation = message.readInt32LE(12);
  const requestId = message.readInt32LE(4);
  if (operation === OP_QUERY) return parseQuery(message, requestId);
  if (operation !== OP_MSG) throw protocolError(`operation code ${operation} is not supported`);
  return parseOpMsg(message, requestId);
}

/** Flags, collection name, skip, number to return, then the command: the handshake of older clients. */
function parseQuery(message: Buffer, requestId: number): WireMessage {
  const end = message.indexOf(0, HEADER_BYTES + 4);
  if (end < 0) throw protocolError("the collection name does not end");
  const ns = message.toString("utf8", HEADER_BYTES + 4, end);
  if (!ns.endsWith(".$cmd")) throw protocolError("OP_QUERY is for commands only");
  return {
    requestId,
    db: ns.slice(0, -5),
    command: decodeDocument(message, end + 9),
    silent: false,
    legacy: true,
  };
}

function parseOpMsg(message: Buffer, requestId: number): WireMessage {
  const flags = message.readUInt32LE(HEADER_BYTES);
  if (flags & flag.knownRequired & ~(flag.checksumPresent | flag.moreToCome))
    throw protocolError("unknown message flags");
  const end = message.length - (flags & flag.checksumPresent ? 4 : 0);
  let command: Document | undefined;
  const sequences = new Map<string, Value[]>();
  let at = HEADER_BYTES + 4;
  while (at < end) {
    const kind = message[at++];
    const size = message.readInt32LE(at);
    if (size < 5 || at + size > end) throw protocolError("a section is longer than its message");
    if (kind === 0) command = decodeDocument(message.subarray(at, at + size));
    else if (kind === 1) readSequence(message.subarray(at, at + size), sequences);
    else throw protocolError(`section kind ${kind} is not supported`);
    at += size;
  }
  if (!command) throw protocolError("the message has no command");
  for (const [name, documents] of sequences) command.set(name, documents);
  const db = command.get("$db");
  if (typeof db !== "string") throw protocolError("OP_MSG requests require a $db argument");
  return { requestId, db, command, silent: (flags & flag.moreToCome) !== 0, legacy: false };
}

function readSequence(section: Buffer, sequences: Map<string, Value[]>): void {
  const end = section.indexOf(0, 4);
  if (end < 0) throw protocolError("a sequence's name does not end");
  const documents: Value[] = [];
  for (let at = end + 1; at < section.length; at += section.readInt32LE(at)) {
    documents.push(decodeDocument(section.subarray(at)));
  }
  sequences.set(section.toString("utf8", 4, end), documents);
}

/** An answer in the form its request came in. */
export function formatReply(
  encoder: Encoder,
  request: WireMessage,
  replyId: number,
  reply: Document,
): Buffer {
  const body = encoder.encode(reply);
  const extra = request.legacy ? 20 : 5;
  const message = Buffer.alloc(HEADER_BYTES + extra + body.length);
  message.writeInt32LE(message.length, 0);
  message.writeInt32LE(replyId, 4);
  message.writeInt32LE(request.requestId, 8);
  message.writeInt32LE(request.legacy ? OP_REPLY : OP_MSG, 12);
  if (request.legacy) {
    // Flag 8: await capable; then cursor id 0, starting from 0, one document.
    message.writeInt32LE(8, HEADER_BYTES);
    message.writeInt32LE(1, HEADER_BYTES + 16);
  }
  body.copy(message, HEADER_BYTES + extra);
  return message;
}
