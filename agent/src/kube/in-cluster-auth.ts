import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { AppError } from "@rciots/runtime";
import { type Auth, createCachedAuth } from "./auth.ts";

export interface InClusterOptions {
  /** KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT. */
  readonly host: string;
  readonly port: string;
  /** Holds `token` and `ca.crt`. Default: where Kubernetes mounts the service account. */
  readonly serviceAccountDir?: string;
}

const defaultServiceAccountDir = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * The Pod's service account: token and CA from files which the kubelet rotates, read again every minute.
 * It is this short on purpose: loading the Kubernetes client library for it would cost 13 MB of memory.
 */
export function createInClusterAuth(options: InClusterOptions): Auth {
  const { host, port, serviceAccountDir = defaultServiceAccountDir } = options;
  const server = `https://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  return createCachedAuth(async () => {
    try {
      const token = (await readFile(join(serviceAccountDir, "token"), "utf8")).trim();
      const ca = await readFile(join(serviceAccountDir, "ca.crt"), "utf8");
      return { server, headers: { authorization: `Bearer ${token}` }, tls: { ca } };
    } catch (cause) {
      const message = `The service account in ${serviceAccountDir} can't be read.`;
      throw new AppError({ code: "kube_service_account_unreadable", status: 500, message, cause });
    }
  });
}
