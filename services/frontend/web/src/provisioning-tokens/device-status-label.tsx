import { Label } from "@patternfly/react-core";
import type { ReactNode } from "react";
import type { TokenDevice } from "./use-tokens.ts";

/** Where a device is on its way from the command to the platform. */
export function DeviceStatusLabel({ device }: { device: TokenDevice }): ReactNode {
  const { status, presence } = device;
  if (status === "active")
    return presence.online ? (
      <Label isCompact status="success">
        Online
      </Label>
    ) : (
      <Label isCompact color="grey">
        Offline
      </Label>
    );
  if (status === "pending")
    return (
      <Label isCompact status="warning">
        Waits for approval
      </Label>
    );
  return (
    <Label isCompact color="grey">
      {status.charAt(0).toUpperCase() + status.slice(1)}
    </Label>
  );
}
