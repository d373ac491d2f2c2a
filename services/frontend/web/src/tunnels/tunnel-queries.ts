import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useApi } from "../api/api-context.ts";
import { unwrap, type Api, type Schema } from "../api/client.ts";
import { useToasts } from "../components/toasts.ts";

export type Tunnel = Schema<"Tunnel">;
export type WebTunnel = Schema<"WebTunnel">;

/** A way to a device: by a port of the platform, or by a name that browsers open. */
export type Way = { kind: "port"; tunnel: Tunnel } | { kind: "web"; tunnel: WebTunnel };

/** Counters move without an event. */
const refetchMs = 5_000;
/** Of a device or an organisation; more are not looked at in one list. */
const maxShown = 500;

type Page<Item> = Promise<{ items: Item[] }>;

async function readWays(api: Api, deviceId: string | null, signal: AbortSignal): Promise<Way[]> {
  const query = { limit: maxShown };
  const params = { path: { id: deviceId ?? "" }, query };
  const ports: Page<Tunnel> =
    deviceId === null
      ? unwrap(api.GET("/api/v1/tunnels", { params: { query }, signal }))
      : unwrap(api.GET("/api/v1/devices/{id}/tunnels", { params, signal }));
  const names: Page<WebTunnel> =
    deviceId === null
      ? unwrap(api.GET("/api/v1/web-tunnels", { params: { query }, signal }))
      : unwrap(api.GET("/api/v1/devices/{id}/web-tunnels", { params, signal }));
  const [ofPorts, ofNames] = await Promise.all([ports, names]);
  const ways: Way[] = [
    ...ofPorts.items.map((tunnel) => ({ kind: "port" as const, tunnel })),
    ...ofNames.items.map((tunnel) => ({ kind: "web" as const, tunnel })),
  ];
  return ways.sort((one, other) => other.tunnel.createdAt.localeCompare(one.tunnel.createdAt));
}

/** All tunnels of a device, or of the organisation where it is null; the newest first. */
export function useWays(deviceId: string | null) {
  const api = useApi();
  return useQuery({
    queryKey: ["tunnels", deviceId ?? "all"],
    queryFn: ({ signal }) => readWays(api, deviceId, signal),
    refetchInterval: refetchMs,
  });
}

/** Names of the devices that the ways lead to. */
export function useDeviceNames(ids: readonly string[]): Map<string, string> {
  const api = useApi();
  const sorted = [...new Set(ids)].sort();
  const found = useQuery({
    queryKey: ["devices", "names", sorted],
    enabled: sorted.length > 0,
    async queryFn({ signal }) {
      const devices = await Promise.all(
        sorted.map((id) =>
          unwrap(api.GET("/api/v1/devices/{id}", { params: { path: { id } }, signal })).catch(() => null),
        ),
      );
      return devices.flatMap((device) => (device === null ? [] : [[device.id, device.name] as const]));
    },
  });
  return new Map(found.data ?? []);
}

/** Closes a way; `force` also where somebody is using it. */
export function useCloseWay(onClosed: () => void) {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  return useMutation({
    async mutationFn({ kind, tunnel }: Way) {
      const { id: tunnelId, deviceId: id } = tunnel;
      if (kind === "port") {
        const params = { path: { id, tunnelId }, query: { force: "true" as const } };
        await unwrap(api.DELETE("/api/v1/devices/{id}/tunnels/{tunnelId}", { params }));
      } else {
        const params = { path: { id, webTunnelId: tunnelId } };
        await unwrap(api.DELETE("/api/v1/devices/{id}/web-tunnels/{webTunnelId}", { params }));
      }
    },
    async onSuccess() {
      toasts.add({ title: "The tunnel was closed" });
      onClosed();
      await queries.invalidateQueries({ queryKey: ["tunnels"] });
    },
  });
}

/** Has the device connect to a target. */
export function useCheckTarget() {
  const api = useApi();
  const toasts = useToasts();
  return useMutation({
    mutationFn: ({ deviceId, target }: { deviceId: string; target: { host: string; port: number } }) =>
      unwrap(
        api.POST("/api/v1/devices/{id}/tunnels/check", {
          params: { path: { id: deviceId } },
          body: target,
        }),
      ),
    onSuccess: ({ durationMs }) =>
      toasts.add({ title: `The device gets a connection, in ${Math.round(durationMs)} ms` }),
    onError: (error) => toasts.addError("The device gets no connection", error),
  });
}
