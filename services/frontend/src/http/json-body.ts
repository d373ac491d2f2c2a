import { AppError, badRequest, sleep } from "@rciots/runtime";
import type { Request, RequestHandler } from "express";

export const defaultBodyLimitBytes = 65_536;

/** How much of a body that nobody reads is let in before the connection is cut, and for how long. */
const unreadBytes = 1_048_576;
const unreadMs = 2_000;
const unreadCheckMs = 10;

function tooLarge(limitBytes: number): AppError {
  return new AppError({
    code: "body_too_large",
    status: 413,
    message: `The body is larger than ${limitBytes} bytes.`,
    details: { limitBytes },
  });
}

async function cutWhereTooMuchComes(request: Request): Promise<void> {
  const { socket } = request;
  const ended = new AbortController();
  request.once("close", () => ended.abort());
  const bytesRead = socket.bytesRead + unreadBytes;
  const endsAt = Date.now() + unreadMs;
  // Node.js reads on and throws the bytes away without an event, so the socket's count is looked at.
  while (!ended.signal.aborted && socket.bytesRead < bytesRead && Date.now() < endsAt) {
    await sleep(unreadCheckMs, ended.signal);
  }
  if (!ended.signal.aborted) socket.destroy();
}

/**
 * Ends connections whose body was not read to its end when the answer was sent. The answer needs a moment to
 * arrive (a connection cut with bytes unread would take the answer with it), but a sender of 200 MB doesn't get
 * to send them.
 */
export function cutUnreadBodies(): RequestHandler {
  return (request, response, next) => {
    response.once("finish", () => {
      if (!request.complete) void cutWhereTooMuchComes(request);
    });
    next();
  };
}

/** Refuses by the announced length, before anything is read or looked up. */
export function checkBodyLength(request: Request, limitBytes: number): void {
  const announced = Number(request.header("content-length") ?? 0);
  if (announced > limitBytes) throw tooLarge(limitBytes);
}

function hasBody(request: Request): boolean {
  return (
    request.header("transfer-encoding") !== undefined || Number(request.header("content-length") ?? 0) > 0
  );
}

/** For a route that takes no body: an empty one and an empty JSON object are fine, anything else is a mistake. */
export async function refuseBody(request: Request): Promise<void> {
  if (!hasBody(request)) return;
  const text = (await readBytes(request, 1_024)).toString("utf8").trim();
  if (text !== "" && text !== "{}") {
    throw badRequest({ code: "unexpected_body", message: "This call takes no body." });
  }
}

async function readBytes(request: Request, limitBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limitBytes) throw tooLarge(limitBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

function checkType(request: Request): void {
  // Insisting on JSON is also what keeps another site's HTML form from calling anything.
  if (request.is("application/json") === false || request.header("content-type") === undefined) {
    throw new AppError({
      code: "unsupported_media_type",
      status: 415,
      message: "Send the body as JSON, with the header Content-Type: application/json.",
    });
  }
  const encoding = request.header("content-encoding");
  if (encoding !== undefined && encoding !== "identity") {
    throw new AppError({
      code: "unsupported_content_encoding",
      status: 415,
      message: "Send the body uncompressed.",
    });
  }
}

/** With the flag, a half alone: pairs are one letter. */
const halfPair = /\p{Cs}/u;
/** Nothing the API takes is as deep, not even a tenth of it. */
const maxDepth = 100;

function refuseField(field: string, message: string): never {
  const shown = field === "" ? "" : `${field} `;
  throw badRequest({
    code: "invalid_input",
    message: `The body is not valid: ${shown}${message}.`,
    details: { errors: [{ field, message }] },
  });
}

/**
 * Refuses, wherever it stands, what would not be stored as it was sent: a field named `__proto__`, which schemas drop
 * without a word and objects give a meaning, half of a surrogate pair, which no UTF-8 has, and bottomless nesting.
 */
function refuseUnstorable(value: unknown, field = "", depth = 0): void {
  if (typeof value === "string" && halfPair.test(value)) refuseField(field, "must be valid Unicode");
  if (typeof value !== "object" || value === null) return;
  if (depth > maxDepth) refuseField(field, "is nested too deeply");
  if (Object.hasOwn(value, "__proto__")) refuseField(field, 'must not have a field named "__proto__"');
  for (const [key, inner] of Object.entries(value)) {
    if (halfPair.test(key)) refuseField(field, "must have names of valid Unicode");
    const name = field === "" ? key : `${field}.${key}`;
    refuseUnstorable(inner, Array.isArray(value) ? `${field}[${key}]` : name, depth + 1);
  }
}

/** Reads a JSON body of at most `limitBytes`, counting as it comes. Throws 400, 413 or 415. */
export async function readJsonBody(request: Request, limitBytes: number): Promise<unknown> {
  if (!hasBody(request)) throw badRequest({ code: "body_missing", message: "This call needs a JSON body." });
  checkType(request);
  const bytes = await readBytes(request, limitBytes);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    const reason = error instanceof SyntaxError ? error.message.slice(0, 200) : "it is not UTF-8 text";
    throw badRequest({
      code: "invalid_json",
      message: `The body is not valid JSON: ${reason}`,
      cause: error,
    });
  }
  refuseUnstorable(value);
  return value;
}
