import { once } from "node:events";
import type { IncomingMessage } from "node:http";
// eslint-disable-next-line no-restricted-imports -- the client of the tests
import { WebSocket } from "ws";

/** A WebSocket of the API as a client sees it. */
export interface SocketClient {
  ws: WebSocket;
  /** What came, in order; text as a string. */
  messages: (string | Buffer)[];
  /** Resolves with the close code once it is over. */
  closed: Promise<number>;
}

export type Opening =
  | { client: SocketClient; response?: undefined }
  | { client?: undefined; response: { status: number; headers: Headers; text: string } };

async function readAnswer(response: IncomingMessage): Promise<NonNullable<Opening["response"]>> {
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece as Buffer);
  const headers = new Headers(
    Object.entries(response.headers).map(([name, value]): [string, string] => [name, String(value)]),
  );
  return { status: response.statusCode ?? 0, headers, text: Buffer.concat(pieces).toString("utf8") };
}

/** Asks for a WebSocket: it is open, or the answer says why not. */
export async function openSocket(url: string, headers: Record<string, string> = {}): Promise<Opening> {
  const ws = new WebSocket(url.replace(/^http/, "ws"), { headers, perMessageDeflate: false });
  const messages: SocketClient["messages"] = [];
  ws.on("message", (data, isBinary) =>
    messages.push(isBinary ? (data as Buffer) : (data as Buffer).toString()),
  );
  const closed = new Promise<number>((resolve) => ws.once("close", resolve));
  ws.on("error", () => undefined);
  return new Promise((resolve, reject) => {
    ws.once("open", () => resolve({ client: { ws, messages, closed } }));
    ws.once("unexpected-response", (_request, response) =>
      readAnswer(response).then((answer) => resolve({ response: answer }), reject),
    );
    once(ws, "error").then(([error]) => reject(error as Error), reject);
  });
}
