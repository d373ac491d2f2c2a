import type { Agent } from "node:http";

/** TLS material and headers for the next requests. */
export interface Credentials {
  /** "https://host:port", with a path prefix where there is one. */
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsMaterial;
  /** Goes through a proxy; such an agent carries the TLS material itself. */
  readonly proxyAgent?: Agent;
}

export interface TlsMaterial {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

export interface Auth {
  /** Current credentials; cheap to call before every request. */
  credentials(): Promise<Credentials>;
  /** The server refused them (401): read them anew next time. */
  invalidate(): void;
}

/** Tokens and certificates in files are rotated under us; a minute is also what client-go allows itself. */
export const credentialsMaxAgeMs = 60_000;

/** Keeps what `load` gave for a while, shares one load among concurrent callers, and drops it on demand. */
export function createCachedAuth(load: () => Promise<Credentials>, now: () => number = Date.now): Auth {
  let cached: { readonly value: Promise<Credentials>; readonly loadedAtMs: number } | undefined;
  return {
    credentials() {
      if (cached && now() - cached.loadedAtMs < credentialsMaxAgeMs) return cached.value;
      const entry = { value: load(), loadedAtMs: now() };
      cached = entry;
      entry.value.catch(() => {
        if (cached === entry) cached = undefined;
      });
      return entry.value;
    },
    invalidate() {
      cached = undefined;
    },
  };
}
