import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useApi } from "../api/api-context.ts";
import { unwrap, type Schema } from "../api/client.ts";

export type Device = Schema<"Device">;

export const deviceKey = (id: string): string[] => ["devices", id];

export function useDevice(id: string): UseQueryResult<Device> {
  const api = useApi();
  return useQuery({
    queryKey: deviceKey(id),
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/devices/{id}", { params: { path: { id } }, signal })),
  });
}
