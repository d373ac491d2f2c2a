import http from "node:http";
import https from "node:https";
import type { Credentials } from "./auth.ts";

const maxSockets = 16;

/** One agent per set of credentials; a rotated certificate or CA gets a new one, the old is let go. */
export function createAgentPool() {
  let current:
    { readonly tls: string; readonly pooled: http.Agent; readonly streams: http.Agent } | undefined;

  const create = (credentials: Credentials, url: URL, limit: number): http.Agent => {
    const settings = { keepAlive: true, keepAliveMsecs: 15_000, maxSockets: limit, maxFreeSockets: 4 };
    return url.protocol === "http:"
      ? new http.Agent(settings)
      : new https.Agent({ ...settings, ...credentials.tls });
  };

  const agents = (credentials: Credentials, url: URL) => {
    const { ca, cert, key, servername, rejectUnauthorized } = credentials.tls;
    const tls = [url.origin, ca, cert, key, servername, rejectUnauthorized].join("\n");
    if (current?.tls === tls) return current;
    closeCurrent();
    return (current = {
      tls,
      pooled: create(credentials, url, maxSockets),
      streams: create(credentials, url, Infinity),
    });
  };

  const closeCurrent = () => {
    // Requests in flight keep their sockets until they end: destroy() would cut them off.
    for (const agent of current ? [current.pooled, current.streams] : []) {
      for (const sockets of Object.values(agent.freeSockets))
        for (const socket of sockets ?? []) socket.destroy();
    }
    current = undefined;
  };

  return {
    agentFor: (credentials: Credentials, url: URL) =>
      credentials.proxyAgent ?? agents(credentials, url).pooled,
    streamAgentFor: (credentials: Credentials, url: URL) =>
      credentials.proxyAgent ?? agents(credentials, url).streams,
    close: closeCurrent,
  };
}
