import { Agent, request, type IncomingMessage, type RequestOptions } from "node:http";
import { CommandError, exitCodes, type ExitCode } from "../command.ts";
import { dialPlatform } from "./dial.ts";
import type { Platform } from "./platform.ts";

/** A megabyte of output that is nothing but escaped control characters fits. */
const maxAnswerBytes = 8 * 1_048_576;
const answerTimeoutMs = 20_000;
const maxConnections = 8;

interface Problem {
  status?: number;
  code?: string;
  detail?: string;
}

/** What the platform says no with. */
export class PlatformError extends CommandError {
  readonly status: number;
  readonly code: string;

  constructor(status: number, { code = "", detail = "" }: Problem) {
    const words = detail === "" ? `The platform answered ${status}.` : detail;
    super(words, exitCodeOf(status));
    this.status = status;
    this.code = code;
  }
}

function exitCodeOf(status: number): ExitCode {
  if (status === 400) return exitCodes.usage;
  if (status === 401 || status === 403) return exitCodes.refused;
  if (status === 404) return exitCodes.notFound;
  return exitCodes.fault;
}

export const problemIn = (text: string): Problem => {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null ? parsed : {};
  } catch {
    return {};
  }
};

export async function readText(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > maxAnswerBytes) throw new CommandError("The platform's answer is too long.", exitCodes.fault);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

export const headersOf = ({ url, token }: Platform): Record<string, string> => ({
  host: url.host,
  authorization: `Bearer ${token}`,
  "user-agent": "rciots",
});

/** `path` is below `/api/v1`. */
export const pathOf = ({ url }: Platform, path: string): string =>
  `${url.pathname.replace(/\/$/, "")}/api/v1${path}`;

interface Question {
  method?: "GET" | "POST";
  path: string;
  body?: unknown;
}

async function exchange<Body>(
  platform: Platform,
  { method = "GET", path, body }: Question,
  connection: Pick<RequestOptions, "agent" | "createConnection" | "signal">,
): Promise<Body> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const sent = text === undefined ? {} : { "content-type": "application/json" };
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request({
        ...connection,
        method,
        path: pathOf(platform, path),
        headers: { ...headersOf(platform), accept: "application/json", ...sent },
      })
        .once("response", resolve)
        .once("error", reject)
        .end(text);
    });
    const answer = await readText(response);
    const status = response.statusCode ?? 0;
    if (status < 200 || status > 299) throw new PlatformError(status, problemIn(answer));
    return JSON.parse(answer) as Body;
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const mayBeDone = method === "GET" ? "" : " It may have done what was asked all the same.";
    const message = `The platform gave no answer: ${reason}.${mayBeDone}`;
    throw new CommandError(message, exitCodes.unreachable, { cause: error });
  }
}

/** On a connection of its own. Throws PlatformErrors. */
export async function askPlatform<Body>(
  platform: Platform,
  question: Question,
  signal: AbortSignal,
): Promise<Body> {
  const socket = await dialPlatform(platform, signal);
  const limited = AbortSignal.any([signal, AbortSignal.timeout(answerTimeoutMs)]);
  try {
    return await exchange<Body>(platform, question, { createConnection: () => socket, signal: limited });
  } finally {
    socket.destroy();
  }
}

/** Throws PlatformErrors. */
export const getJson = <Body>(platform: Platform, path: string, signal: AbortSignal): Promise<Body> =>
  askPlatform<Body>(platform, { path }, signal);

/** Reads again and again, over connections that are kept. */
export interface PlatformReader {
  get<Body>(path: string): Promise<Body>;
  close(): void;
}

export function createPlatformReader(platform: Platform): PlatformReader {
  const agent = new Agent({ keepAlive: true, maxSockets: maxConnections });
  const never = new AbortController().signal;
  agent.createConnection = (_options, callback) => {
    dialPlatform(platform, never).then(
      (socket) => callback?.(null, socket),
      (error: unknown) => callback?.(error as Error, undefined as never),
    );
    return undefined;
  };
  return {
    get: (path) => exchange(platform, { path }, { agent, signal: AbortSignal.timeout(answerTimeoutMs) }),
    close: () => agent.destroy(),
  };
}

interface Named {
  id: string;
  name: string;
}

interface NamedPage {
  items: Named[];
  nextCursor: string | null;
}

async function findNamed(
  platform: Platform,
  path: "/devices" | "/scripts",
  wanted: string,
  signal: AbortSignal,
): Promise<Named | undefined> {
  let cursor: string | null = "";
  while (cursor !== null) {
    const query = new URLSearchParams({
      q: `^${wanted}`,
      limit: "500",
      ...(cursor === "" ? {} : { cursor }),
    });
    const page: NamedPage = await getJson(platform, `${path}?${query.toString()}`, signal);
    const found = page.items.find(({ name }) => name === wanted);
    if (found !== undefined) return found;
    cursor = page.nextCursor;
  }
  return undefined;
}

/** The device of this name or id. */
export async function findDevice(platform: Platform, wanted: string, signal: AbortSignal): Promise<Named> {
  if (/^dev_[0-9A-Z]{26}$/.test(wanted)) return getJson(platform, `/devices/${wanted}`, signal);
  const found = await findNamed(platform, "/devices", wanted, signal);
  if (found !== undefined) return found;
  throw new CommandError(`There is no device called ${JSON.stringify(wanted)} here.`, exitCodes.notFound);
}

/** The saved script of this name or id. */
export async function findScript(platform: Platform, wanted: string, signal: AbortSignal): Promise<Named> {
  if (/^scr_[0-9A-Z]{26}$/.test(wanted)) return getJson(platform, `/scripts/${wanted}`, signal);
  const found = await findNamed(platform, "/scripts", wanted, signal);
  if (found !== undefined) return found;
  throw new CommandError(`There is no saved script called ${JSON.stringify(wanted)}.`, exitCodes.notFound);
}
