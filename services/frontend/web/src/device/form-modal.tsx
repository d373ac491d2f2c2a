import { Button, Form, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import { useId, type ReactNode } from "react";
import { ProblemAlert } from "../components/problem-alert.tsx";
import { ConflictAlert } from "./conflict-alert.tsx";
import type { DeviceChange } from "./use-device-change.ts";

interface FormModalProps {
  title: string;
  change: Pick<DeviceChange<never>, "isPending" | "error" | "conflict" | "saveAnyway">;
  isValid: boolean;
  onSave: () => void;
  onClose: () => void;
  children: ReactNode;
}

/** A form about a device in a dialog; it stays open, with what was typed, when it is refused. */
export function FormModal({ title, change, isValid, onSave, onClose, children }: FormModalProps): ReactNode {
  const titleId = useId();
  const formId = useId();
  return (
    <Modal isOpen variant="medium" onClose={onClose} aria-labelledby={titleId}>
      <ModalHeader title={title} labelId={titleId} />
      <ModalBody>
        <Form
          id={formId}
          onSubmit={(event) => {
            event.preventDefault();
            if (isValid) onSave();
          }}
        >
          {children}
          <ConflictAlert conflict={change.conflict} onSaveAnyway={change.saveAnyway} onDiscard={onClose} />
          <ProblemAlert error={change.error} title="It was refused" />
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button
          variant="primary"
          type="submit"
          form={formId}
          isDisabled={!isValid || change.isPending}
          isLoading={change.isPending}
        >
          Save
        </Button>
        <Button variant="link" onClick={onClose}>
          Cancel
        </Button>
      </ModalFooter>
    </Modal>
  );
}
