import { useMemo } from "react";
import { useSearchParams } from "react-router";
import type { Schema } from "../api/client.ts";

export type Device = Schema<"Device">;
export type DeviceStatus = Device["status"];
export type DeviceState = NonNullable<Device["observed"]["state"]>;
export type DeviceSort = "newest" | "name" | "last-seen";

/** What the list shows: the query of its address, so that it survives a reload and can be sent to somebody. */
export interface DeviceFilter {
  q: string;
  status: DeviceStatus[];
  state: DeviceState[];
  online: "true" | "false" | null;
  label: string[];
  templateId: string | null;
}

export const statusNames: Record<DeviceStatus, string> = {
  pending: "Pending",
  active: "Active",
  denied: "Denied",
  disabled: "Disabled",
  decommissioned: "Decommissioned",
};

export const stateNames: Record<DeviceState, string> = {
  offered: "Offered",
  downloading: "Downloading",
  applying: "Applying",
  progressing: "Progressing",
  healthy: "Healthy",
  degraded: "Degraded",
  failed: "Failed",
  rolled_back: "Rolled back",
};

export const sortNames: Record<DeviceSort, string> = {
  newest: "Newest first",
  name: "Name",
  "last-seen": "Last seen",
};

const isKeyOf = <Names extends object>(
  names: Names,
  key: string,
): key is Names extends infer N ? keyof N & string : never => Object.hasOwn(names, key);

export function readFilter(params: URLSearchParams): DeviceFilter {
  const online = params.get("online");
  return {
    q: params.get("q") ?? "",
    status: params.getAll("status").filter((value): value is DeviceStatus => isKeyOf(statusNames, value)),
    state: params.getAll("state").filter((value): value is DeviceState => isKeyOf(stateNames, value)),
    online: online === "true" || online === "false" ? online : null,
    label: params.getAll("label"),
    templateId: params.get("templateId"),
  };
}

export function isFiltered(filter: DeviceFilter): boolean {
  const { q, status, state, online, label, templateId } = filter;
  return (
    q !== "" ||
    online !== null ||
    templateId !== null ||
    [status, state, label].some((list) => list.length > 0)
  );
}

/** As the API takes it in a query. */
export function toQuery({ q, status, state, online, label, templateId }: DeviceFilter) {
  return {
    ...(q === "" ? {} : { q }),
    ...(status.length === 0 ? {} : { status }),
    ...(state.length === 0 ? {} : { state }),
    ...(online === null ? {} : { online }),
    ...(label.length === 0 ? {} : { label }),
    ...(templateId === null ? {} : { templateId }),
  };
}

/** As the API takes it in a body. */
export function toSelector(filter: DeviceFilter) {
  const { online, ...rest } = toQuery(filter);
  return online === undefined ? rest : { ...rest, online: online === "true" };
}

function writeFilter(params: URLSearchParams, filter: DeviceFilter): URLSearchParams {
  const next = new URLSearchParams(params);
  for (const key of ["q", "status", "state", "online", "label", "templateId", "page", "cursor"])
    next.delete(key);
  for (const [key, value] of Object.entries(toQuery(filter))) {
    for (const item of [value].flat()) next.append(key, item);
  }
  return next;
}

/** The filter of this address, and how to change it; a change begins at the first page. */
export function useDeviceFilter(): {
  filter: DeviceFilter;
  change: (part: Partial<DeviceFilter>) => void;
  clear: () => void;
} {
  const [params, setParams] = useSearchParams();
  const filter = useMemo(() => readFilter(params), [params]);
  return {
    filter,
    change: (part) =>
      setParams((current) => writeFilter(current, { ...readFilter(current), ...part }), { replace: true }),
    clear: () =>
      setParams((current) => writeFilter(current, readFilter(new URLSearchParams())), { replace: true }),
  };
}
