import { Content } from "@patternfly/react-core";
import { useState, type ReactNode } from "react";
import { useApi } from "../../api/api-context.ts";
import { unwrap } from "../../api/client.ts";
import { ConfirmModal } from "../../components/confirm-modal.tsx";
import { ConflictAlert } from "../conflict-alert.tsx";
import { useDeviceChange } from "../use-device-change.ts";
import type { Device } from "../use-device.ts";

interface RollBackModalProps {
  device: Device;
  revision: number;
  onClose: () => void;
}

export function RollBackModal({ device, revision, onClose }: RollBackModalProps): ReactNode {
  const api = useApi();
  const [seen] = useState(device);
  const { id, name, version } = seen;
  const change = useDeviceChange<{ revision: number }>({
    device,
    send: (body, headers) =>
      unwrap(api.POST("/api/v1/devices/{id}/rollback", { params: { path: { id } }, headers, body })),
    done: `${name} goes back to revision ${revision}`,
    onDone: onClose,
  });
  return (
    <ConfirmModal
      title={`Roll ${name} back to revision ${revision}?`}
      confirmLabel="Roll back"
      isPending={change.isPending}
      error={change.error}
      onConfirm={() => change.save({ revision }, version)}
      onClose={onClose}
    >
      <Content component="p">
        The content of revision {revision} becomes a new revision and is held, whatever its templates say,
        until you end the rollback or assign something.
      </Content>
      <ConflictAlert conflict={change.conflict} onSaveAnyway={change.saveAnyway} onDiscard={onClose} />
    </ConfirmModal>
  );
}
