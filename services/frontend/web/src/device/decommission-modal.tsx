import { Checkbox, Content } from "@patternfly/react-core";
import { useState, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { ConfirmModal } from "../components/confirm-modal.tsx";
import { ConflictAlert } from "./conflict-alert.tsx";
import { useDeviceChange } from "./use-device-change.ts";
import type { Device } from "./use-device.ts";

export function DecommissionModal({ device, onClose }: { device: Device; onClose: () => void }): ReactNode {
  const api = useApi();
  const [seen] = useState(device);
  const [wipeWorkloads, setWipeWorkloads] = useState(false);
  const { id, name, version } = seen;
  const change = useDeviceChange<{ wipeWorkloads: boolean }>({
    device,
    send: (body, headers) =>
      unwrap(api.POST("/api/v1/devices/{id}/decommission", { params: { path: { id } }, headers, body })),
    done: `${name} was decommissioned`,
    onDone: onClose,
  });
  return (
    <ConfirmModal
      title={`Decommission ${name}?`}
      confirmLabel="Decommission"
      isDanger
      typed={name}
      isPending={change.isPending}
      error={change.error}
      onConfirm={() => change.save({ wipeWorkloads }, version)}
      onClose={onClose}
    >
      <Content component="p">
        The agent forgets its identity and can only come back by enrolling anew. This can&apos;t be undone.
        {device.presence.online ? "" : " The device is offline: it is told when it comes back."}
      </Content>
      <Checkbox
        id="wipe-workloads"
        label="Delete what it runs first"
        description="Everything the platform applied to its cluster. Otherwise that goes on running, and nobody manages it."
        isChecked={wipeWorkloads}
        onChange={(_event, checked) => setWipeWorkloads(checked)}
      />
      <ConflictAlert conflict={change.conflict} onSaveAnyway={change.saveAnyway} onDiscard={onClose} />
    </ConfirmModal>
  );
}
