import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import type { Auth } from "./auth.ts";
import { createAgentPool } from "./agent-pool.ts";
import { kubeErrorOf, unreachable } from "./kube-error.ts";
import { groupVersionPath, queryString } from "./paths.ts";

export interface PodLogsRequest {
  readonly namespace: string;
  readonly pod: string;
  /** Absent: the Pod's default container. */
  readonly container?: string | undefined;
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly tailLines?: number | undefined;
  readonly sinceSeconds?: number | undefined;
}

/** What a container printed, as it comes. Rejects with `KubeError` in the API server's words. */
export type PodLogs = (request: PodLogsRequest, signal: AbortSignal) => Promise<IncomingMessage>;

const maxRefusalBytes = 65_536;
const answerTimeoutMs = 30_000;

export function createPodLogs({ auth, userAgent }: { auth: Auth; userAgent: string }): PodLogs {
  const pool = createAgentPool();
  return async (request, signal) => {
    const credentials = await auth.credentials();
    const url = new URL(credentials.server.replace(/\/$/, "") + pathOf(request));
    const late = AbortSignal.timeout(answerTimeoutMs);
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = {
        agent: pool.streamAgentFor(credentials, url),
        headers: { "user-agent": userAgent, ...credentials.headers },
        signal,
      };
      const outgoing = url.protocol === "http:" ? http.get(url, options) : https.get(url, options);
      const abort = (): void => void outgoing.destroy(new Error("no answer in time"));
      late.addEventListener("abort", abort);
      outgoing.on("error", (error) => reject(unreachable(error)));
      outgoing.once("response", (message) => {
        late.removeEventListener("abort", abort);
        resolve(message);
      });
    });
    const { statusCode = 502 } = response;
    if (statusCode < 300) return response;
    if (statusCode === 401) auth.invalidate();
    throw kubeErrorOf(statusCode, await readSome(response), response.headers["retry-after"]);
  };
}

function pathOf({ namespace, pod, container, ...options }: PodLogsRequest): string {
  const path = `${groupVersionPath("v1")}/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/log`;
  return (
    path +
    queryString({
      container,
      follow: String(options.follow),
      previous: String(options.previous),
      timestamps: String(options.timestamps),
      tailLines: options.tailLines,
      sinceSeconds: options.sinceSeconds,
    })
  );
}

async function readSome(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size > maxRefusalBytes) break;
  }
  return Buffer.concat(chunks);
}
