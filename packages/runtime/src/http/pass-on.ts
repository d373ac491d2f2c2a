import type { ClientRequest, IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";

type HeaderNames = ReadonlySet<string>;
type Headers = Record<string, string | string[]>;

/** Which headers of an answer go on: those of these names, or what is made of all of them. */
export type AnswerHeaders = readonly HeaderNames[] | ((headers: IncomingHttpHeaders) => Headers);

const made = (headers: IncomingHttpHeaders, answerHeaders: AnswerHeaders): Headers =>
  typeof answerHeaders === "function" ? answerHeaders(headers) : pickHeaders(headers, ...answerHeaders);

const maxRefusalBytes = 65_536;
/** A side that was told of the end has this long to end too. */
const lingerMs = 5_000;

/** The headers of these names, without those that `Connection` says are of the hop alone. */
export function pickHeaders(
  headers: IncomingHttpHeaders,
  ...names: HeaderNames[]
): Record<string, string | string[]> {
  const ofTheHop = new Set(
    (headers.connection ?? "")
      .toLowerCase()
      .split(",")
      .map((name) => name.trim()),
  );
  const picked: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    const isWanted = names.some((set) => set.has(name)) && (!ofTheHop.has(name) || name === "upgrade");
    if (isWanted && value !== undefined) picked[name] = value;
  }
  return picked;
}

/** How the body of a request is told from what follows it; said anew, since a body without it would be the next request. */
export function bodyFraming(request: IncomingMessage): Record<string, string> {
  if (request.headers["transfer-encoding"] !== undefined) return { "transfer-encoding": "chunked" };
  const length = request.headers["content-length"];
  return length === undefined ? {} : { "content-length": length };
}

const hasBody = (request: IncomingMessage): boolean => Object.keys(bodyFraming(request)).length > 0;

/**
 * Sends a request's body on and what is answered back, each as fast as the other side takes it. Rejects where there
 * is no answer; one that breaks off midway breaks off here too.
 */
export async function passOn(
  request: IncomingMessage,
  response: ServerResponse,
  outgoing: ClientRequest,
  answerHeaders: AnswerHeaders,
): Promise<void> {
  response.once("close", () => outgoing.destroy());
  request.on("error", () => outgoing.destroy());
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once("response", resolve);
    outgoing.on("error", reject);
    if (hasBody(request)) request.pipe(outgoing);
    else outgoing.end();
  });
  response.writeHead(answer.statusCode ?? 502, made(answer.headers, answerHeaders));
  // Of a watch nothing may come for a long time.
  response.flushHeaders();
  await pipeline(answer, response).catch(() => response.destroy());
}

/** Resolves once both sides are over. Rejects where there is no answer; nothing was written to the socket then. */
export async function passOnUpgrade(
  from: { socket: Duplex; head: Buffer },
  outgoing: ClientRequest,
  answerHeaders: AnswerHeaders,
): Promise<void> {
  const { socket, head } = from;
  socket.once("close", () => outgoing.destroy());
  const answer = await new Promise<{ message: IncomingMessage; upstream?: Duplex; rest?: Buffer }>(
    (resolve, reject) => {
      outgoing.once("upgrade", (message, upstream, rest) => resolve({ message, upstream, rest }));
      outgoing.once("response", (message) => resolve({ message }));
      outgoing.on("error", reject);
      outgoing.end();
    },
  );
  const { message, upstream, rest } = answer;
  if (upstream === undefined) return writeRefusal(socket, message, answerHeaders);
  socket.write(headOf(message, { ...made(message.headers, answerHeaders), connection: "Upgrade" }));
  if (rest !== undefined && rest.length > 0) socket.write(rest);
  if (head.length > 0) upstream.write(head);
  await join(socket, upstream);
}

function headOf(message: IncomingMessage, headers: Record<string, string | string[]>): string {
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().map((one) => `${name}: ${one}\r\n`),
  );
  return `HTTP/1.1 ${message.statusCode ?? 502} ${message.statusMessage ?? ""}\r\n${lines.join("")}\r\n`;
}

async function writeRefusal(
  socket: Duplex,
  message: IncomingMessage,
  answerHeaders: AnswerHeaders,
): Promise<void> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > maxRefusalBytes) break;
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  const headers = {
    ...made(message.headers, answerHeaders),
    "content-length": String(body.byteLength),
    connection: "close",
  };
  socket.end(Buffer.concat([Buffer.from(headOf(message, headers)), body]));
}

function join(one: Duplex, other: Duplex): Promise<void> {
  return new Promise((resolve) => {
    let open = 2;
    const link = (from: Duplex, to: Duplex): void => {
      if ("setNoDelay" in from) (from as Duplex & { setNoDelay(on: boolean): void }).setNoDelay(true);
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.once("close", () => {
        if (!to.destroyed) {
          to.end();
          const cut = setTimeout(() => to.destroy(), lingerMs);
          to.once("close", () => clearTimeout(cut));
        }
        open -= 1;
        if (open === 0) resolve();
      });
    };
    link(one, other);
    link(other, one);
  });
}
