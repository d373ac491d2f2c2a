import { useMutation, useQueries, useQueryClient } from "@tanstack/react-query";
import { useApi } from "../api/api-context.ts";
import { unwrap, type Schema } from "../api/client.ts";
import { useToasts } from "../components/toasts.ts";
import { usePages, type Pages } from "../components/use-pages.ts";
import { joinPages } from "./join-pages.ts";

export type Tunnel = Schema<"Tunnel">;
export type WebTunnel = Schema<"WebTunnel">;

/** A way to a device: by a port of the platform, or by a name that browsers open. */
export type Way = { kind: "port"; tunnel: Tunnel } | { kind: "web"; tunnel: WebTunnel };

/** Counters move without an event. */
const refetchMs = 5_000;
const pageSize = 50;

type Query = { limit: number; cursor?: string };
const queryOf = (cursor: string | undefined): Query => ({
  limit: pageSize,
  ...(cursor === undefined ? {} : { cursor }),
});

function usePorts(deviceId: string | null): Pages<Way> {
  const api = useApi();
  return usePages(
    ["tunnels", deviceId ?? "all", "ports"],
    async (cursor, signal) => {
      const query = queryOf(cursor);
      const { items, nextCursor } = await unwrap(
        deviceId === null
          ? api.GET("/api/v1/tunnels", { params: { query }, signal })
          : api.GET("/api/v1/devices/{id}/tunnels", { params: { path: { id: deviceId }, query }, signal }),
      );
      return { items: items.map((tunnel) => ({ kind: "port" as const, tunnel })), nextCursor };
    },
    { refetchMs },
  );
}

function useNames(deviceId: string | null): Pages<Way> {
  const api = useApi();
  return usePages(
    ["tunnels", deviceId ?? "all", "names"],
    async (cursor, signal) => {
      const query = queryOf(cursor);
      const { items, nextCursor } = await unwrap(
        deviceId === null
          ? api.GET("/api/v1/web-tunnels", { params: { query }, signal })
          : api.GET("/api/v1/devices/{id}/web-tunnels", {
              params: { path: { id: deviceId }, query },
              signal,
            }),
      );
      return { items: items.map((tunnel) => ({ kind: "web" as const, tunnel })), nextCursor };
    },
    { refetchMs },
  );
}

/** Tunnels of both kinds of a device, or of the organisation where it is null, page by page; the newest first. */
export function useWays(deviceId: string | null): Pages<Way> {
  return joinPages(usePorts(deviceId), useNames(deviceId));
}

/** Names of the devices that the ways lead to. */
export function useDeviceNames(ids: readonly string[]): Map<string, string> {
  const api = useApi();
  return useQueries({
    queries: [...new Set(ids)].map((id) => ({
      queryKey: ["devices", id, "name"],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        unwrap(api.GET("/api/v1/devices/{id}", { params: { path: { id } }, signal })).then(
          ({ name }) => [id, name] as const,
        ),
    })),
    combine: (found) => new Map(found.flatMap(({ data }) => (data === undefined ? [] : [data]))),
  });
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
