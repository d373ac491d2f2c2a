import { Content } from "@patternfly/react-core";
import { useState, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { ConfirmModal } from "../components/confirm-modal.tsx";
import { ConflictAlert } from "./conflict-alert.tsx";
import type { Step } from "./device-steps.ts";
import { useDeviceChange } from "./use-device-change.ts";
import type { Device } from "./use-device.ts";

interface StepModalProps {
  step: Step;
  device: Device;
  onClose: () => void;
}

/** Asks before a step in a device's life. */
export function StepModal({ step, device, onClose }: StepModalProps): ReactNode {
  const api = useApi();
  // As it was when the question was put: what it says must be what is agreed to.
  const [seen] = useState(device);
  const change = useDeviceChange<undefined>({
    device,
    send: (_input, headers) => step.send(api, seen, headers),
    done: step.done(seen),
    onDone: onClose,
  });
  return (
    <ConfirmModal
      title={step.question(seen)}
      confirmLabel={step.label}
      isPending={change.isPending}
      error={change.error}
      onConfirm={() => change.save(undefined, seen.version)}
      onClose={onClose}
    >
      <Content component="p">{step.consequence(seen)}</Content>
      <ConflictAlert conflict={change.conflict} onSaveAnyway={change.saveAnyway} onDiscard={onClose} />
    </ConfirmModal>
  );
}
