import { Label } from "@patternfly/react-core";
import { BanIcon } from "@patternfly/react-icons/dist/esm/icons/ban-icon";
import { CheckCircleIcon } from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import { ConnectedIcon } from "@patternfly/react-icons/dist/esm/icons/connected-icon";
import { DisconnectedIcon } from "@patternfly/react-icons/dist/esm/icons/disconnected-icon";
import { ExclamationCircleIcon } from "@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon";
import { ExclamationTriangleIcon } from "@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon";
import { InProgressIcon } from "@patternfly/react-icons/dist/esm/icons/in-progress-icon";
import { PendingIcon } from "@patternfly/react-icons/dist/esm/icons/pending-icon";
import type { ReactNode } from "react";
import { stateNames, statusNames, type Device, type DeviceState } from "./device-filter.ts";

/** Whether a device is connected now. */
export function PresenceLabel({ online }: { online: boolean }): ReactNode {
  return online ? (
    <Label isCompact status="success" icon={<ConnectedIcon />}>
      Online
    </Label>
  ) : (
    <Label isCompact variant="outline" icon={<DisconnectedIcon />}>
      Offline
    </Label>
  );
}

interface Look {
  status?: "success" | "warning" | "danger" | "info";
  icon: ReactNode;
}

function lookOf(state: DeviceState): Look {
  switch (state) {
    case "healthy":
      return { status: "success", icon: <CheckCircleIcon /> };
    case "degraded":
      return { status: "warning", icon: <ExclamationTriangleIcon /> };
    case "failed":
    case "rolled_back":
      return { status: "danger", icon: <ExclamationCircleIcon /> };
    case "offered":
    case "downloading":
    case "applying":
    case "progressing":
      return { status: "info", icon: <InProgressIcon /> };
  }
}

/** How what a device runs is; for one that may run nothing, its standing. */
export function StateLabel({ device }: { device: Pick<Device, "status" | "observed"> }): ReactNode {
  const { status, observed } = device;
  if (status !== "active") {
    return (
      <Label
        isCompact
        {...(status === "pending" ? { status: "info" } : {})}
        icon={status === "pending" ? <PendingIcon /> : <BanIcon />}
      >
        {statusNames[status]}
      </Label>
    );
  }
  if (observed.state === null) return <span className="rciots-muted">Nothing assigned</span>;
  const { icon, status: tone } = lookOf(observed.state);
  return (
    <Label isCompact icon={icon} {...(tone === undefined ? {} : { status: tone })}>
      {stateNames[observed.state]}
    </Label>
  );
}
