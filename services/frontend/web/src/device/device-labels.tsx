import { Label } from "@patternfly/react-core";
import type { ReactNode } from "react";
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

const states: Record<RevisionState, Look> = {
  offered: { text: "Offered", status: "info" },
  downloading: { text: "Downloading", status: "info" },
  applying: { text: "Applying", status: "info" },
  progressing: { text: "Progressing", status: "info" },
  healthy: { text: "Healthy", status: "success" },
  degraded: { text: "Degraded", status: "warning" },
  failed: { text: "Failed", status: "danger" },
  rolled_back: { text: "Rolled back", status: "warning" },
};

export const stateWords = Object.fromEntries(
  Object.entries(states).map(([state, { text }]) => [state, text]),
) as Record<RevisionState, string>;

const show = ({ text, status }: Look): ReactNode => (
  <Label isCompact {...(status === undefined ? { color: "grey" as const } : { status })}>
    {text}
  </Label>
);

export const DeviceStatusLabel = ({ status }: { status: Device["status"] }): ReactNode =>
  show(statuses[status]);

export const PresenceLabel = ({ online }: { online: boolean }): ReactNode =>
  show(online ? { text: "Online", status: "success" } : { text: "Offline" });

/** How far a device is with a revision; nothing where it never reported. */
export const StateLabel = ({ state }: { state: RevisionState | null }): ReactNode =>
  state === null ? show({ text: "No report yet" }) : show(states[state]);

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
