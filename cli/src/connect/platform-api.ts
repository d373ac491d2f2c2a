import { request, type IncomingMessage } from "node:http";
import { CommandError, exitCodes, type ExitCode } from "../command.ts";
import { dialPlatform } from "./dial.ts";
import type { Platform } from "./platform.ts";

const maxAnswerBytes = 4 * 1_048_576;
const answerTimeoutMs = 20_000;

interface Problem {
  status?: number;
  code?: string;
  detail?: string;
}

/** What the platform says no with. */
export class PlatformError extends CommandError {
  readonly code: string;

  constructor(status: number, { code = "", detail = "" }: Problem) {
    const words = detail === "" ? `The platform answered ${status}.` : detail;
    super(words, exitCodeOf(status));
    this.code = code;
  }
}

function exitCodeOf(status: number): ExitCode {
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

/** Throws PlatformErrors. */
export async function getJson<Body>(platform: Platform, path: string, signal: AbortSignal): Promise<Body> {
  const socket = await dialPlatform(platform, signal);
  const limited = AbortSignal.any([signal, AbortSignal.timeout(answerTimeoutMs)]);
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request({
        createConnection: () => socket,
        path: pathOf(platform, path),
        headers: { ...headersOf(platform), accept: "application/json" },
        signal: limited,
      })
        .once("response", resolve)
        .once("error", reject)
        .end();
    });
    const text = await readText(response);
    const status = response.statusCode ?? 0;
    if (status !== 200) throw new PlatformError(status, problemIn(text));
    return JSON.parse(text) as Body;
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(`The platform gave no answer: ${reason}.`, exitCodes.unreachable, {
      cause: error,
    });
  } finally {
    socket.destroy();
  }
}

interface DevicePage {
  items: { id: string; name: string }[];
  nextCursor: string | null;
}

/** The device of this name or id. */
export async function findDevice(
  platform: Platform,
  wanted: string,
  signal: AbortSignal,
): Promise<{ id: string; name: string }> {
  if (/^dev_[0-9A-Z]{26}$/.test(wanted)) return getJson(platform, `/devices/${wanted}`, signal);
  let cursor: string | null = "";
  while (cursor !== null) {
    const query = new URLSearchParams({
      q: `^${wanted}`,
      limit: "500",
      ...(cursor === "" ? {} : { cursor }),
    });
    const page: DevicePage = await getJson(platform, `/devices?${query.toString()}`, signal);
    const found = page.items.find(({ name }) => name === wanted);
    if (found !== undefined) return found;
    cursor = page.nextCursor;
  }
  throw new CommandError(`There is no device called ${JSON.stringify(wanted)} here.`, exitCodes.notFound);
}
