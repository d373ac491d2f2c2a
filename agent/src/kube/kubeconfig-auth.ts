import { readFile } from "node:fs/promises";
import type { Agent } from "node:http";
import type { RequestOptions } from "node:https";
import { dirname, resolve } from "node:path";
import { AppError, errorMessage } from "@rciots/runtime";
import type { KubeConfig } from "@kubernetes/client-node";
import { type Auth, createCachedAuth, type Credentials } from "./auth.ts";

export interface KubeconfigOptions {
  readonly path: string;
  /** Default: the file's current context. */
  readonly context?: string;
}

/**
 * Every way of authentication a kubeconfig can name: certificates, tokens and token files, exec plugins,
 * OIDC, impersonation, proxy. The library is loaded on first use only; in a cluster it never is.
 */
export function createKubeconfigAuth({ path, context }: KubeconfigOptions): Auth {
  let config: KubeConfig | undefined;

  const reload = async (): Promise<KubeConfig> => {
    // An exec plugin's answer is cached inside the instance until it expires, so that one is kept.
    if (config?.getCurrentUser()?.exec) return config;
    const { KubeConfig } = await import("@kubernetes/client-node");
    const loaded = new KubeConfig();
    loaded.loadFromFile(path);
    if (context !== undefined) loaded.setCurrentContext(context);
    return (config = loaded);
  };

  const auth = createCachedAuth(async () => {
    try {
      const loaded = await reload();
      const credentials = await credentialsOf(loaded);
      const token = credentials.headers["authorization"] ? undefined : await tokenFromFile(path, loaded);
      if (token === undefined) return credentials;
      return { ...credentials, headers: { ...credentials.headers, authorization: `Bearer ${token}` } };
    } catch (cause) {
      const message = `The kubeconfig ${path} can't be used: ${errorMessage(cause)}`;
      throw new AppError({ code: "kubeconfig_unusable", status: 500, message, cause });
    }
  });

  return {
    credentials: () => auth.credentials(),
    invalidate: () => {
      config = undefined;
      auth.invalidate();
    },
  };
}

interface RawKubeconfig {
  readonly users?: readonly { readonly name?: string; readonly user?: { readonly tokenFile?: string } }[];
}

/** The library knows no `tokenFile`; a relative one is beside the kubeconfig. */
async function tokenFromFile(path: string, config: KubeConfig): Promise<string | undefined> {
  const { parse } = await import("yaml");
  const raw = parse(await readFile(path, "utf8")) as RawKubeconfig | null;
  const name = config.getCurrentUser()?.name;
  const tokenFile = raw?.users?.find((user) => user.name === name)?.user?.tokenFile;
  if (!tokenFile) return undefined;
  return (await readFile(resolve(dirname(path), tokenFile), "utf8")).trim();
}

async function credentialsOf(config: KubeConfig): Promise<Credentials> {
  const cluster = config.getCurrentCluster();
  if (!cluster) throw new Error("its current context names no cluster");
  const request: RequestOptions = {};
  await config.applyToHTTPSOptions(request);
  const { ca, cert, key, servername, rejectUnauthorized } = request;
  const headers = stringHeaders(request.headers);
  if (request.auth) headers["authorization"] = `Basic ${Buffer.from(request.auth).toString("base64")}`;
  return {
    server: cluster.server,
    headers,
    tls: {
      ...(ca ? { ca: ca as Buffer } : {}),
      ...(cert ? { cert: cert as Buffer } : {}),
      ...(key ? { key: key as Buffer } : {}),
      ...(servername ? { servername } : {}),
      ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
    },
    ...(cluster.proxyUrl ? { proxyAgent: request.agent as Agent } : {}),
  };
}

function stringHeaders(headers: RequestOptions["headers"]): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (typeof value === "string") result[name.toLowerCase()] = value;
  }
  return result;
}
