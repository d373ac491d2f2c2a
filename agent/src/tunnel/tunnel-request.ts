import { isIP } from "node:net";
import { askedTunnel, limits, type AskedTunnel } from "@rciots/protocol";
import { inBrackets, joinHostPort } from "@rciots/runtime";

const part = /\[[^\][]+\]|[^:[\]]+/g;
const forms = "PORT, LPORT:PORT, HOST:PORT, LPORT:HOST:PORT or LHOST:LPORT:HOST:PORT";

const isNumber = (text: string): boolean => /^\d+$/.test(text);
const bare = (text: string): string => text.replace(/^\[|\]$/g, "");

/** Where the device itself is meant. */
const ownHost = "127.0.0.1";

interface Parts {
  listenHost?: string;
  port?: string;
  host: string;
  targetPort: string;
}

/** Of which form it is; undefined where it is of none. */
function partsOf(entry: string): Parts | undefined {
  const parts = entry.match(part) ?? [];
  if (parts.join(":") !== entry) return undefined;
  const [first = "", second = "", third = "", fourth = ""] = parts;
  switch (parts.length) {
    case 1:
      return { host: ownHost, targetPort: first };
    case 2:
      return isNumber(first)
        ? { port: first, host: ownHost, targetPort: second }
        : { host: first, targetPort: second };
    case 3:
      return isNumber(first)
        ? { port: first, host: second, targetPort: third }
        : { listenHost: first, port: second, host: ownHost, targetPort: third };
    case 4:
      return { listenHost: first, port: second, host: third, targetPort: fourth };
    default:
      return undefined;
  }
}

function portOf(text: string, entry: string): number {
  const port = Number(text);
  if (isNumber(text) && port >= 1 && port <= 65_535) return port;
  throw new Error(`has a port that is no number from 1 to 65535 in "${entry}": "${text}"`);
}

/**
 * A tunnel as rport's command line has it: `PORT` of the device itself, `LPORT:PORT`, `HOST:PORT`, `LPORT:HOST:PORT`,
 * `LHOST:LPORT:PORT` or `LHOST:LPORT:HOST:PORT`, IPv6 addresses in brackets. `LHOST` and `LPORT` are where the platform
 * listens; without `LPORT` on a port that is free. Throws an Error that says what is wrong.
 */
export function parseTunnelRequest(entry: string): AskedTunnel {
  const parts = partsOf(entry);
  if (parts === undefined) throw new Error(`must be ${forms}, IPv6 addresses in brackets, not "${entry}"`);
  const { listenHost, port, host, targetPort } = parts;
  if (listenHost !== undefined && isIP(bare(listenHost)) === 0)
    throw new Error(`must name an address of the platform to listen on, not "${listenHost}" in "${entry}"`);
  const parsed = askedTunnel.safeParse({
    target: { host: bare(host), port: portOf(targetPort, entry) },
    ...(port === undefined ? {} : { port: portOf(port, entry) }),
    ...(listenHost === undefined ? {} : { listenHost: bare(listenHost) }),
  });
  const isOdd = isNumber(host) || (host.startsWith("[") && isIP(bare(host)) !== 6);
  if (parsed.success && !isOdd) return parsed.data;
  throw new Error(`has a host that is neither a name nor an address in "${entry}": "${host}"`);
}

/** All that a device is to ask for. Throws an Error that says what is wrong. */
export function parseTunnelRequests(entries: readonly string[]): AskedTunnel[] {
  const tunnels = entries.map(parseTunnelRequest);
  if (tunnels.length > limits.askedTunnels)
    throw new Error(`asks for ${tunnels.length} tunnels; a device may ask for ${limits.askedTunnels}`);
  const places = tunnels.map((tunnel) =>
    tunnel.port === undefined ? describeRequest(tunnel) : placeOf(tunnel),
  );
  const twice = places.find((place, index) => places.indexOf(place) !== index);
  if (twice !== undefined) throw new Error(`asks for ${twice} twice`);
  return tunnels;
}

const placeOf = ({ port }: AskedTunnel): string => `port ${port}`;

/** `192.168.1.20:22`, and where it is to be had if that was said. */
export function describeRequest({ listenHost, port, target }: AskedTunnel): string {
  const place = [
    ...(listenHost === undefined ? [] : [inBrackets(listenHost)]),
    ...(port === undefined ? [] : [port]),
  ];
  const to = joinHostPort(target.host, target.port);
  return place.length === 0 ? to : `${place.join(":")} to ${to}`;
}
