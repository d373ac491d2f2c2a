import { useState, type ReactNode } from "react";
import { useApi } from "../../api/api-context.ts";
import { unwrap } from "../../api/client.ts";
import { ConfirmModal } from "../../components/confirm-modal.tsx";
import { ConflictAlert } from "../conflict-alert.tsx";
import { useDeviceChange } from "../use-device-change.ts";
import type { Device } from "../use-device.ts";

export function RemoveOverlayModal({ device, onClose }: { device: Device; onClose: () => void }): ReactNode {
  const api = useApi();
  const [{ id, name, version }] = useState(device);
  const change = useDeviceChange<undefined>({
    device,
    send: (_input, headers) =>
      unwrap(api.DELETE("/api/v1/devices/{id}/overlay", { params: { path: { id } }, headers })),
    done: `The overlay files of ${name} were removed`,
    onDone: onClose,
  });
  return (
    <ConfirmModal
      title={`Remove the overlay files of ${name}?`}
      confirmLabel="Remove"
      isDanger
      isPending={change.isPending}
      error={change.error}
      onConfirm={() => change.save(undefined, version)}
      onClose={onClose}
    >
      <p>The device then runs its templates as they are; what only the files brought is deleted on it.</p>
      <ConflictAlert conflict={change.conflict} onSaveAnyway={change.saveAnyway} onDiscard={onClose} />
    </ConfirmModal>
  );
}
