import { AppError } from "@rciots/runtime";
import type { Cluster, SecretContent } from "../kube/cluster.ts";
import { isConflict } from "../kube/kube-error.ts";
import { parseIdentityDocument, type IdentityStore } from "./identity.store.ts";

const dataKey = "identity.json";
const labels = { "app.kubernetes.io/managed-by": "rciots-agent" };

/**
 * The identity as a Kubernetes Secret. A write succeeds only on top of what this agent itself read or wrote:
 * where the identity was changed in between, two agents share it, and the later writer must not destroy the
 * other's new certificate (`identity_conflict`).
 */
export function createSecretIdentityStore({
  cluster,
  namespace,
  name,
}: {
  cluster: Pick<Cluster, "readSecret" | "writeSecret">;
  namespace: string;
  name: string;
}): IdentityStore {
  const place = `the Secret ${namespace}/${name}`;
  /** Null: there was none. */
  let seenVersion: string | null = null;
  /** What this agent read or tried to write: finding one of these is no conflict. */
  let known: (string | undefined)[] = [undefined];

  const contentOf = (secret: SecretContent | undefined): string | undefined =>
    secret?.data[dataKey]?.toString("utf8");

  async function write(content: string): Promise<void> {
    const data = { [dataKey]: content };
    const written = await cluster.writeSecret({
      namespace,
      name,
      data,
      labels,
      resourceVersion: seenVersion,
    });
    seenVersion = written.resourceVersion;
    known = [content];
  }

  return {
    place,
    async load() {
      const secret = await cluster.readSecret(namespace, name);
      seenVersion = secret?.resourceVersion ?? null;
      const content = contentOf(secret);
      known = [content];
      return content === undefined ? undefined : parseIdentityDocument(content, place);
    },
    async save(document) {
      const content = JSON.stringify(document);
      known.push(content);
      try {
        await write(content);
      } catch (error) {
        if (!isConflict(error)) throw error;
        // A label was changed, or the answer to an earlier write of ours was lost: neither is a conflict.
        const secret = await cluster.readSecret(namespace, name);
        if (!known.includes(contentOf(secret))) throw writtenByOther(place, error);
        seenVersion = secret?.resourceVersion ?? null;
        await write(content);
      }
    },
  };
}

function writtenByOther(place: string, cause: unknown): AppError {
  return new AppError({
    code: "identity_conflict",
    status: 409,
    message: `Somebody else changed ${place} since this agent read it. Run one agent for each identity.`,
    cause,
  });
}
