import type { Tunnel, Way } from "./tunnel-queries.ts";

const inBrackets = (host: string): string => (host.includes(":") ? `[${host}]` : host);

/** `192.168.1.20:22`, IPv6 in brackets. */
export const placeOf = ({ host, port }: { host: string; port: number }): string =>
  `${inBrackets(host)}:${port}`;

/** How to use a port, by what is spoken there; `host` is where the platform is reached. */
export function commandOf({ port, listenHost, protocol }: Tunnel, host: string): string {
  const at = inBrackets(listenHost === null || ["0.0.0.0", "::"].includes(listenHost) ? host : listenHost);
  switch (protocol) {
    case "ssh":
      return `ssh -p ${port} USER@${at}`;
    case "http":
    case "https":
      return `${protocol}://${at}:${port}/`;
    case "rdp":
      return `xfreerdp /v:${at}:${port}`;
    case "vnc":
      return `vncviewer ${at}::${port}`;
    case "postgresql":
      return `psql -h ${at} -p ${port}`;
    default:
      return `${at}:${port}`;
  }
}

/** Rather than by a person. */
export const isAskedByDevice = (way: Way): boolean =>
  way.kind === "port" && way.tunnel.requestedBy === "device";

const units = ["B", "KiB", "MiB", "GiB", "TiB"];

export function bytesInWords(bytes: number): string {
  const power = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1_024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

/** What went through, in words. */
export function trafficOf({ tunnel }: Way): string {
  const { sentBytes, receivedBytes } = tunnel.usage;
  return `${bytesInWords(sentBytes)} sent, ${bytesInWords(receivedBytes)} received`;
}

/** One network a line, or with commas between. */
export const networksOf = (text: string): string[] => text.split(/[\s,]+/).filter((part) => part !== "");
