import { isIP } from "node:net";
import { tcpTarget } from "@rciots/protocol";
import { badRequest, type AppError } from "@rciots/runtime";

/** `0.0.0.0` is what rport shows where only a port was given: the device itself. */
const ownHost = "0.0.0.0";

interface Place {
  host: string | undefined;
  port: number | undefined;
}

function invalid(field: string, message: string): AppError {
  return badRequest({
    code: "invalid_input",
    message: `The query is not valid: ${field}: ${message}.`,
    details: { errors: [{ field, message }] },
  });
}

const isPort = (text: string): boolean =>
  /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;

/** `22`, `host:22`, `[::1]:22`, `host`; undefined where it is none of them. */
function split(text: string): Place | undefined {
  if (isPort(text)) return { host: undefined, port: Number(text) };
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]*))(?::(.*))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || (port !== undefined && !isPort(port))) return undefined;
  return { host: host === "" ? undefined : host, port: port === undefined ? undefined : Number(port) };
}

/** Where the platform is to listen: a port, `address:port`, or nothing for any free port. */
export function parseLocal(text: string | undefined): {
  listenHost: string | null;
  port: number | undefined;
} {
  if (text === undefined) return { listenHost: null, port: undefined };
  const place = split(text);
  const isAddress = place?.host === undefined || isIP(place.host) !== 0;
  if (place !== undefined && isAddress) return { listenHost: place.host ?? null, port: place.port };
  throw invalid("local", "must be a port such as 4000, or address:port");
}

/**
 * What the device is to connect to: a port of its own, or `host:port` of a system that it reaches. Of two numbers, as
 * rport's own documentation has them (`22:80`), the first is the port.
 */
export function parseRemote(text: string): { host: string; port: number } {
  const [, first] = /^(\d{1,5}):\d{1,5}$/.exec(text) ?? [];
  const place = split(first ?? text);
  const target = { kind: "tcp", host: place?.host ?? ownHost, port: place?.port };
  const parsed = tcpTarget.safeParse(target);
  if (parsed.success) return { host: parsed.data.host, port: parsed.data.port };
  throw invalid("remote", "must be a port such as 22, or host:port");
}
