import { Button, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import type { ReactNode } from "react";

interface PasteModalProps {
  text: string;
  onPaste: () => void;
  onCancel: () => void;
}

const shownChars = 2_000;

/** Asks before several lines go to a shell, which runs each as it comes. */
export function PasteModal({ text, onPaste, onCancel }: PasteModalProps): ReactNode {
  const lines = text.trimEnd().split(/\r\n|\r|\n/).length;
  return (
    <Modal isOpen variant="medium" onClose={onCancel} aria-labelledby="paste-title">
      <ModalHeader
        title={lines === 1 ? `Paste ${text.length} characters?` : `Paste ${lines} lines?`}
        description="A shell may run each line as it comes."
        labelId="paste-title"
      />
      <ModalBody tabIndex={0}>
        <pre className="rciots-paste-preview">
          {text.length > shownChars ? `${text.slice(0, shownChars)}\n…` : text}
        </pre>
      </ModalBody>
      <ModalFooter>
        <Button variant="primary" onClick={onPaste}>
          Paste
        </Button>
        <Button variant="link" onClick={onCancel}>
          Cancel
        </Button>
      </ModalFooter>
    </Modal>
  );
}
