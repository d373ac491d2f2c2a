import http, { type ClientRequest, type IncomingMessage, type ServerResponse } from "node:http";
import https from "node:https";
import type { Duplex } from "node:stream";
import { requestHeaders, responseHeaders, upgradeHeaders } from "@rciots/protocol";
import { bodyFraming, passOn, passOnUpgrade, pickHeaders } from "@rciots/runtime";
import { createAgentPool } from "./agent-pool.ts";
import type { Auth } from "./auth.ts";
import { unreachable } from "./kube-error.ts";

/** Whom the API server is to take a request for: it checks that the agent may say so. */
export interface ApiIdentity {
  readonly user: string;
  readonly group: string;
  /** For the cluster's audit log; it gives no rights. */
  readonly account: string;
}

/**
 * Sends requests on with the agent's own credentials, as another identity. The path must have been checked. Rejects
 * with `KubeError` or AppErrors where the API server gives no answer; nothing was written then.
 */
export interface ApiForward {
  request(request: IncomingMessage, response: ServerResponse, as: ApiIdentity): Promise<void>;
  upgrade(request: IncomingMessage, from: { socket: Duplex; head: Buffer }, as: ApiIdentity): Promise<void>;
  /** Ends idle connections. */
  close(): void;
}

/** A WebSocket may bring a token in place of a header; the agent's own speaks, and none but that. */
const tokenProtocol = /^base64url\.bearer\.authorization\.k8s\.io\./i;

export function createApiForward({ auth }: { auth: Auth }): ApiForward {
  const pool = createAgentPool();

  async function open(
    request: IncomingMessage,
    headers: http.OutgoingHttpHeaders,
    as: ApiIdentity,
  ): Promise<ClientRequest> {
    const credentials = await auth.credentials();
    const url = new URL(credentials.server);
    const options = {
      method: request.method ?? "GET",
      path: url.pathname.replace(/\/$/, "") + (request.url ?? "/"),
      agent: pool.streamAgentFor(credentials, url),
      headers: { ...headers, ...credentials.headers, ...impersonation(as) },
    };
    const outgoing = url.protocol === "http:" ? http.request(url, options) : https.request(url, options);
    outgoing.once("response", ({ statusCode }) => {
      if (statusCode === 401) auth.invalidate();
    });
    return outgoing;
  }

  return {
    async request(request, response, as) {
      const headers = { ...pickHeaders(request.headers, requestHeaders), ...bodyFraming(request) };
      const outgoing = await open(request, headers, as);
      await passOn(request, response, outgoing, [responseHeaders]).catch((error: unknown) => {
        throw unreachable(error);
      });
    },
    async upgrade(request, from, as) {
      const headers = pickHeaders(request.headers, requestHeaders, upgradeHeaders);
      const outgoing = await open(request, { ...withoutTokens(headers), connection: "Upgrade" }, as);
      await passOnUpgrade(from, outgoing, [responseHeaders, upgradeHeaders]).catch((error: unknown) => {
        throw unreachable(error);
      });
    },
    close: () => pool.close(),
  };
}

const impersonation = ({ user, group, account }: ApiIdentity): Record<string, string> => ({
  "impersonate-user": user,
  "impersonate-group": group,
  "impersonate-extra-rciots-account": account,
});

function withoutTokens(headers: Record<string, string | string[]>): Record<string, string | string[]> {
  const { "sec-websocket-protocol": protocols, ...rest } = headers;
  if (protocols === undefined) return headers;
  const kept = [protocols]
    .flat()
    .flatMap((line) => line.split(","))
    .map((name) => name.trim())
    .filter((name) => name !== "" && !tokenProtocol.test(name));
  return kept.length === 0 ? rest : { ...rest, "sec-websocket-protocol": kept.join(", ") };
}
