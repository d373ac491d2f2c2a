import { readFile } from "node:fs/promises";
import https from "node:https";
import type { ClusterCertificates } from "./certificates.ts";

export interface ApiRequest {
  readonly method?: string;
  readonly path: string;
  readonly body?: unknown;
  /** Default: application/json. */
  readonly contentType?: string;
}

export interface ApiResponse {
  readonly status: number;
  readonly text: string;
}

export type AdminRequest = (request: ApiRequest) => Promise<ApiResponse>;

/** Plain HTTPS to the API server as its administrator, a fresh connection per call: it survives restarts. */
export async function createAdminRequest(
  server: string,
  certificates: ClusterCertificates,
): Promise<AdminRequest> {
  const [cert, key] = await Promise.all([
    readFile(certificates.admin.cert),
    readFile(certificates.admin.key),
  ]);
  const tls = { ca: certificates.caPem, cert, key, agent: false } as const;
  return ({ method = "GET", path, body, contentType = "application/json" }) =>
    new Promise((resolve, reject) => {
      const payload = body === undefined ? undefined : JSON.stringify(body);
      const headers = payload === undefined ? {} : { "content-type": contentType };
      const request = https.request(new URL(path, server), { ...tls, method, headers, timeout: 15_000 });
      request.once("timeout", () => request.destroy(new Error(`${method} ${path} took too long`)));
      request.once("error", reject);
      request.once("response", (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.once("error", reject);
        response.once("end", () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
        );
      });
      request.end(payload);
    });
}
