import type { IncomingMessage } from "node:http";

const requestMs = 30_000;

/** Cuts whoever takes longer to send a request than anybody needs; an answer may take its time. */
export function limitRequestTime(message: IncomingMessage): void {
  if (message.complete) return;
  const timer = setTimeout(() => {
    if (!message.complete) message.socket.destroy();
  }, requestMs);
  message.once("close", () => clearTimeout(timer));
}
