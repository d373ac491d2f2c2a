import { isIP } from "node:net";
import type { Environment } from "../config.ts";

/** A way out through somebody else's machine. `url` may hold a user and a password: never log it. */
export interface Proxy {
  kind: "http" | "https" | "socks";
  host: string;
  port: number;
  user?: string;
  password?: string;
  /** SOCKS only: 4 or 5. */
  version?: 4 | 5;
}

/** The proxy to reach an address through, or undefined for the direct way. */
export type ProxyChoice = (host: string, port: number) => Proxy | undefined;

const kinds: Record<string, { kind: Proxy["kind"]; port: number; version?: 4 | 5 }> = {
  "http:": { kind: "http", port: 80 },
  "https:": { kind: "https", port: 443 },
  "socks:": { kind: "socks", port: 1080, version: 5 },
  "socks5:": { kind: "socks", port: 1080, version: 5 },
  "socks5h:": { kind: "socks", port: 1080, version: 5 },
  "socks4a:": { kind: "socks", port: 1080, version: 4 },
};

/** Reads `http://user:password@host:port` or `socks5://...`. The error never shows the text: it may hold a password. */
export function parseProxy(text: string): Proxy {
  let url: URL;
  try {
    url = new URL(text.includes("://") ? text : `http://${text}`);
  } catch {
    throw new Error(
      "must be a URL such as http://user:password@proxy.example.com:3128 or socks5://host:1080",
    );
  }
  const known = kinds[url.protocol];
  if (known === undefined || url.hostname === "") {
    throw new Error(`must begin with one of ${Object.keys(kinds).join("//, ")}// and name a host`);
  }
  return {
    kind: known.kind,
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? known.port : Number(url.port),
    ...(url.username === "" ? {} : { user: decodeURIComponent(url.username) }),
    ...(url.password === "" ? {} : { password: decodeURIComponent(url.password) }),
    ...(known.version === undefined ? {} : { version: known.version }),
  };
}

/** `socks proxy.example.com:1080`, without user and password. */
export function describeProxy({ kind, host, port }: Proxy): string {
  return `${kind} ${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

/**
 * Whether `NO_PROXY` takes a host out: a list of host names, domains (`.example.com` or `example.com`, each
 * with everything below it), addresses with an optional port, or `*`.
 */
export function isProxyBypassed(noProxy: string, host: string, port: number): boolean {
  const name = host.toLowerCase();
  return noProxy
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .some((entry) => {
      if (entry === "*") return true;
      const [wanted, wantedPort] = splitPort(entry.toLowerCase());
      if (wantedPort !== undefined && wantedPort !== port) return false;
      const domain = wanted.replace(/^\*?\./, "");
      return name === domain || (isIP(name) === 0 && name.endsWith(`.${domain}`));
    });
}

function splitPort(entry: string): [string, number | undefined] {
  const bracketed = /^\[(.+)\](?::(\d+))?$/.exec(entry);
  if (bracketed !== null)
    return [bracketed[1] ?? "", bracketed[2] === undefined ? undefined : Number(bracketed[2])];
  if (isIP(entry) === 6) return [entry, undefined];
  const match = /^(.*):(\d+)$/.exec(entry);
  return match === null ? [entry, undefined] : [match[1] ?? "", Number(match[2])];
}

/** The way that HTTPS_PROXY or ALL_PROXY, and NO_PROXY, say. Throws where the URL isn't one. */
export function proxyFromEnvironment(env: Environment): ProxyChoice {
  const either = (name: string): string | undefined => env[name] || env[name.toLowerCase()] || undefined;
  const shared = either("HTTPS_PROXY") ?? either("ALL_PROXY");
  if (shared === undefined) return () => undefined;
  const proxy = parseProxy(shared);
  const noProxy = either("NO_PROXY") ?? "";
  return (host, port) => (isProxyBypassed(noProxy, host, port) ? undefined : proxy);
}
