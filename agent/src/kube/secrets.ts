import type { CallOptions, KubeObject, SecretContent, SecretWrite } from "./cluster.ts";
import { isConflict, isKubeError } from "./kube-error.ts";
import { queryString, resourcePath } from "./paths.ts";
import type { Transport } from "./transport.ts";

type SecretObject = KubeObject & { data?: Record<string, string>; type?: string };

const secretType = {
  apiVersion: "v1",
  group: "",
  kind: "Secret",
  plural: "secrets",
  namespaced: true,
  verbs: [],
} as const;

const lastWriterAttempts = 5;

/** Secrets by direct calls, without discovery: the agent's identity is read before anything else. */
export function createSecrets(transport: Transport, fieldManager: string) {
  const fetchSecret = async (namespace: string, name: string, { signal }: CallOptions) => {
    try {
      const path = resourcePath(secretType, namespace, name);
      return parse(await transport.send({ method: "GET", path, signal }));
    } catch (error) {
      if (isKubeError(error) && error.status === 404) return undefined;
      throw error;
    }
  };

  const readSecret = async (namespace: string, name: string, options: CallOptions = {}) => {
    const secret = await fetchSecret(namespace, name, options);
    return secret && contentOf(secret);
  };

  /** One write on top of `existing`, whose version it carries. */
  const writeOver = async (
    existing: SecretObject | undefined,
    secret: SecretWrite,
    { signal }: CallOptions,
  ) => {
    const { namespace, name } = secret;
    const path =
      resourcePath(secretType, namespace, existing ? name : undefined) + queryString({ fieldManager });
    const body = Buffer.from(JSON.stringify(secretBody(existing, secret)));
    const method = existing ? "PUT" : "POST";
    return contentOf(
      parse(await transport.send({ method, path, body, contentType: "application/json", signal })),
    );
  };

  const writeSecret = async (secret: SecretWrite, options: CallOptions = {}): Promise<SecretContent> => {
    const { namespace, name, resourceVersion } = secret;
    if (resourceVersion === null) return writeOver(undefined, secret, options);
    for (let tried = 1; ; tried++) {
      const existing = await fetchSecret(namespace, name, options);
      try {
        const base =
          resourceVersion === undefined ? existing : withVersion(existing, secret, resourceVersion);
        return await writeOver(base, secret, options);
      } catch (error) {
        if (resourceVersion !== undefined || !isConflict(error) || tried >= lastWriterAttempts) throw error;
      }
    }
  };

  return { readSecret, writeSecret };
}

/** The server compares the version that was read by the caller, not the one that was just fetched. */
function withVersion(
  existing: SecretObject | undefined,
  secret: SecretWrite,
  resourceVersion: string,
): SecretObject {
  const base = existing ?? secretBody(undefined, secret);
  return { ...base, metadata: { ...base.metadata, resourceVersion } };
}

function secretBody(
  existing: SecretObject | undefined,
  { namespace, name, data, labels }: SecretWrite,
): SecretObject {
  const metadata = existing?.metadata ?? { name, namespace };
  return {
    ...existing,
    apiVersion: "v1",
    kind: "Secret",
    type: existing?.type ?? "Opaque",
    metadata: { ...metadata, labels: { ...metadata.labels, ...labels } },
    data: Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
    ),
  };
}

const parse = (body: Buffer) => JSON.parse(body.toString("utf8")) as SecretObject;

function contentOf(secret: SecretObject): SecretContent {
  const entries = Object.entries(secret.data ?? {}).map(
    ([key, value]) => [key, Buffer.from(value, "base64")] as const,
  );
  return { data: Object.fromEntries(entries), resourceVersion: secret.metadata.resourceVersion ?? "" };
}
