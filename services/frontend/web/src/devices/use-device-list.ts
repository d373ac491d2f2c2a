import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { unwrap } from "../api/client.ts";
import { useApi } from "../api/api-context.ts";
import { toQuery, type DeviceFilter } from "./device-filter.ts";
import type { DevicePaging } from "./use-device-paging.ts";

/** A page of the devices; the page before stays while the next one is read. */
export function useDeviceList(filter: DeviceFilter, { cursor, perPage, sort }: DevicePaging) {
  const api = useApi();
  const query = { ...toQuery(filter), sort, limit: perPage, ...(cursor === undefined ? {} : { cursor }) };
  return useQuery({
    queryKey: ["devices", query],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/devices", { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });
}
