import { createLoop, errorMessage, type Logger, type Loop } from "@rciots/runtime";
import type { Acting, Audit } from "../audit/audit.ts";
import type { ClusterAccess } from "./cluster-access.ts";

/** One request to a device's cluster. */
export interface ClusterCall {
  access: ClusterAccess;
  context: Acting["context"];
  method: string;
  /** With its query. */
  path: string;
  isUpgrade: boolean;
}

export interface ClusterAudit {
  /** Before it is sent: what changes something, or opens a way into a container, is on record whatever becomes of it. */
  note(call: ClusterCall): Promise<void>;
  /** Records how often was read since the last time. */
  loop: Loop;
  flush(): Promise<void>;
}

export const readsIntervalMs = 60_000;

interface Reads extends Pick<ClusterCall, "access" | "context"> {
  requests: number;
  since: Date;
}

const reading = new Set(["GET", "HEAD", "OPTIONS"]);
const maxPathChars = 500;

/** What somebody does in a container, by its subresource; also without an upgrade, such as over HTTP/1.1 POST. */
const sessions: Record<string, string> = {
  exec: "Somebody entered a container",
  attach: "Somebody attached to a container",
  portforward: "Ports of a pod were forwarded",
};

/** The query may hold the words of a command, and so secrets: of them only the program is kept. */
function describe({ method, path, isUpgrade }: ClusterCall) {
  const [bare = "", query = ""] = path.split("?", 2);
  const [, subresource = ""] = /\/pods\/[^/]+\/(exec|attach|portforward)$/.exec(bare) ?? [];
  const parameters = new URLSearchParams(query);
  const program = parameters.get("command")?.slice(0, 200);
  const details = {
    method,
    path: bare.slice(0, maxPathChars),
    ...(program === undefined ? {} : { program }),
    ...(parameters.has("container") ? { container: parameters.get("container")?.slice(0, 100) } : {}),
  };
  if (subresource !== "") return { verb: subresource, about: sessions[subresource] ?? "", details };
  if (isUpgrade) return { verb: "upgrade", about: `A connection was opened to ${details.path}`, details };
  return { verb: "write", about: `${method} ${details.path}`, details };
}

/** Writes down what is asked of devices' clusters: each change by itself, reads as a number. */
export function createClusterAudit({ audit, logger }: { audit: Audit; logger: Logger }): ClusterAudit {
  let reads = new Map<string, Reads>();

  function count({ access, context }: ClusterCall): void {
    const key = `${access.caller.actor.kind}/${access.caller.actor.id ?? ""}/${access.device.id}`;
    const found = reads.get(key);
    if (found === undefined) reads.set(key, { access, context, requests: 1, since: new Date() });
    else found.requests += 1;
  }

  async function flush(): Promise<void> {
    const counted = [...reads.values()];
    reads = new Map();
    for (const { access, context, requests, since } of counted) {
      const { caller, device, role } = access;
      const record = {
        organizationId: caller.organizationId,
        deviceId: device.id,
        kind: "cluster-api.read",
        message: `The cluster of ${device.name} was read: ${requests} request${requests === 1 ? "" : "s"}.`,
        details: { requests, since: since.toISOString(), as: role },
      };
      await audit
        .record({ caller, context }, record)
        .catch((error: unknown) =>
          logger.warn({ error: errorMessage(error) }, "reads of a cluster not recorded"),
        );
    }
  }

  return {
    async note(call) {
      if (!call.isUpgrade && reading.has(call.method)) return count(call);
      const { caller, device, role } = call.access;
      const { verb, about, details } = describe(call);
      await audit.record(
        { caller, context: call.context },
        {
          organizationId: caller.organizationId,
          deviceId: device.id,
          kind: `cluster-api.${verb}`,
          message: `${about} on the cluster of ${device.name}.`,
          details: { ...details, as: role },
        },
      );
    },
    loop: createLoop({
      name: "reads of clusters",
      intervalMs: readsIntervalMs,
      step: async () => flush(),
      logger,
    }),
    flush,
  };
}
