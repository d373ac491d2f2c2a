import type { ReactNode } from "react";
import { PresenceLabel, StateLabel } from "../devices/device-labels.tsx";
import type { TokenDevice } from "./use-tokens.ts";

/** Where a device is on its way from the command to the platform. */
export function DeviceStatusLabel({ device }: { device: TokenDevice }): ReactNode {
  return device.status === "active" ? (
    <PresenceLabel online={device.presence.online} />
  ) : (
    <StateLabel device={device} />
  );
}
