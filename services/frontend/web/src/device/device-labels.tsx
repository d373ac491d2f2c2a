import { Label } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { stateNames } from "../devices/device-filter.ts";
import { PresenceLabel } from "../devices/device-labels.tsx";
import type { Device } from "./use-device.ts";

type Status = "success" | "warning" | "danger" | "info";
type Look = { text: string; status?: Status };
export type RevisionState = NonNullable<Device["observed"]["state"]>;

const statuses: Record<Device["status"], Look> = {
  pending: { text: "Waits for approval", status: "info" },
  active: { text: "Active", status: "success" },
  denied: { text: "Denied", status: "danger" },
  disabled: { text: "Disabled", status: "warning" },
  decommissioned: { text: "Decommissioned" },
};

const stateStatuses: Record<RevisionState, Status> = {
  offered: "info",
  downloading: "info",
  applying: "info",
  progressing: "info",
  healthy: "success",
  degraded: "warning",
  failed: "danger",
  rolled_back: "danger",
};

const show = ({ text, status }: Look): ReactNode => (
  <Label isCompact {...(status === undefined ? { color: "grey" as const } : { status })}>
    {text}
  </Label>
);

export const DeviceStatusLabel = ({ status }: { status: Device["status"] }): ReactNode =>
  show(statuses[status]);

/** How far a device is with a revision; nothing where it never reported. */
export const StateLabel = ({ state }: { state: RevisionState | null }): ReactNode =>
  state === null
    ? show({ text: "No report yet" })
    : show({ text: stateNames[state], status: stateStatuses[state] });

/** Standing, presence and health of a device; announced when they change. */
export function DeviceLabels({ device }: { device: Device }): ReactNode {
  const isActive = device.status === "active";
  return (
    <span className="rciots-device-labels" role="status">
      {!isActive && <DeviceStatusLabel status={device.status} />}
      <PresenceLabel online={device.presence.online} />
      {device.observed.state !== null && <StateLabel state={device.observed.state} />}
    </span>
  );
}
