import type { DeviceStreams, PodItem, PodLogsTarget } from "@rciots/protocol";
import { AppError } from "@rciots/runtime";
import type { Store } from "@rciots/store";
import type { DeviceCalls } from "../devices/device-calls.ts";
import { readReportedObjects } from "../devices/reported-objects.ts";
import { decodeCursor, encodeCursor, type Page } from "../http/cursor.ts";
import type { RouteSocket } from "../http/route-socket.ts";
import type { PreparedSocket } from "../http/socket-route.ts";
import { requireDevice } from "../devices/require-device.ts";

export type PodLogsService = ReturnType<typeof createPodLogsService>;

export interface SeenPod extends PodItem {
  /** Whether what made it is among what the platform has the device run. */
  applied: boolean;
}

const maxObjects = 5_000;

/** Pods of devices, and what their containers print. */
export function createPodLogsService(options: {
  store: Pick<Store, "devices">;
  calls: DeviceCalls;
  deviceStreams: DeviceStreams;
}) {
  const { store, calls, deviceStreams } = options;

  async function appliedKeys(organizationId: string, deviceId: string): Promise<ReadonlySet<string>> {
    const query = { store, organizationId, deviceId, limit: maxObjects, cursor: undefined };
    const { items } = await readReportedObjects(query);
    return new Set(items.map(({ kind, namespace = "", name }) => `${kind}/${namespace}/${name}`));
  }

  return {
    /** A page of the Pods that the device's agent sees. */
    async list(
      { organizationId, deviceId }: { organizationId: string; deviceId: string },
      query: { namespace?: string | undefined; limit: number; cursor?: string | undefined },
      signal: AbortSignal,
    ): Promise<Page<SeenPod>> {
      const cursorKind = `pods-${deviceId}`;
      const position = decodeCursor(cursorKind, query.cursor);
      const request = {
        limit: query.limit,
        ...(query.namespace === undefined ? {} : { namespace: query.namespace }),
        ...(position === undefined ? {} : { position }),
      };
      const [page, applied] = await Promise.all([
        calls.call({ organizationId, deviceId }, "pods:list", request, { signal }),
        appliedKeys(organizationId, deviceId),
      ]);
      const isApplied = ({ namespace, name, owner }: PodItem): boolean =>
        applied.has(`Pod/${namespace}/${name}`) ||
        (owner !== undefined && applied.has(`${owner.kind}/${namespace}/${owner.name}`));
      return {
        items: page.items.map((pod) => ({ ...pod, applied: isApplied(pod) })),
        nextCursor: page.next === null ? null : encodeCursor(cursorKind, page.next),
      };
    },

    async prepare(
      { organizationId, deviceId }: { organizationId: string; deviceId: string },
      target: PodLogsTarget,
    ): Promise<PreparedSocket> {
      const device = await requireDevice(store, organizationId, deviceId);
      const { namespace, name, container } = target.pod;
      return {
        opening: {
          deviceId,
          kind: "pod-logs.opened",
          message: `The logs of ${namespace}/${name} on ${device.name} were opened.`,
          details: { namespace, pod: name, ...(container === undefined ? {} : { container }) },
        },
        async run(socket) {
          const stream = await deviceStreams.open({ organizationId, deviceId }, target, socket.signal);
          await carry(stream, socket);
        },
      };
    },
  };
}

/** Resolves once the container's log ends. */
function carry(stream: Awaited<ReturnType<DeviceStreams["open"]>>, socket: RouteSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    let isBehind = false;
    let unconsumed = 0;
    const consume = (): void => {
      stream.consumed(unconsumed);
      unconsumed = 0;
    };
    socket.signal.addEventListener("abort", () => {
      stream.reset({ code: "closed", message: "Nobody looks any more." });
      resolve();
    });
    socket.onMessage(() => undefined);
    socket.onWritable(() => {
      isBehind = false;
      consume();
    });
    stream.listen({
      onData(bytes) {
        unconsumed += bytes.length;
        isBehind = !socket.send(bytes);
        if (!isBehind) consume();
      },
      onEnd() {
        stream.end();
        resolve();
      },
      onWritable: () => undefined,
      onReset({ code, message }) {
        reject(new AppError({ code, status: code === "session_ended" ? 503 : 409, message }));
      },
    });
  });
}
