import type { ReactNode } from "react";
import { CopyableId } from "../../components/copyable-id.tsx";
import { TimeAgo } from "../../components/time-ago.tsx";
import { PresenceLabel } from "../../devices/device-labels.tsx";
import { DeviceStatusLabel } from "../device-labels.tsx";
import type { Device } from "../use-device.ts";
import { Facts, InfoCard } from "./info-card.tsx";

export function DetailsCard({ device }: { device: Device }): ReactNode {
  const { presence, decommission } = device;
  return (
    <InfoCard title="Standing">
      <Facts
        facts={[
          ["Status", <DeviceStatusLabel key="status" status={device.status} />],
          [
            "Presence",
            <span key="presence">
              <PresenceLabel online={presence.online} />{" "}
              {presence.since !== null && (
                <span className="rciots-muted">
                  since <TimeAgo at={presence.since} />
                </span>
              )}
            </span>,
          ],
          ["Last seen", presence.online ? null : <TimeAgo key="seen" at={presence.lastSeenAt} />],
          ["Address", presence.address],
          ["Enrolled", <TimeAgo key="enrolled" at={device.createdAt} />],
          ["Approved", device.approvedAt === null ? null : <TimeAgo key="approved" at={device.approvedAt} />],
          [
            "Retired",
            decommission === null ? null : (
              <span key="retired">
                <TimeAgo at={decommission.requestedAt} />
                {decommission.wipeWorkloads ? ", with its workloads" : ", its workloads left"}
              </span>
            ),
          ],
          ["Identifier", <CopyableId key="id" value={device.id} />],
        ]}
      />
    </InfoCard>
  );
}
