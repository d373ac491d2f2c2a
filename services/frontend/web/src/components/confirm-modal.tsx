import {
  Button,
  Form,
  FormGroup,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
  TextInput,
} from "@patternfly/react-core";
import { useId, useState, type ReactNode } from "react";
import { ProblemAlert } from "./problem-alert.tsx";

interface ConfirmModalProps {
  title: string;
  /** Says what will happen, and what will not. */
  children: ReactNode;
  /** On the button: the verb, such as `Delete`. */
  confirmLabel: string;
  /** Danger: can't be taken back. */
  isDanger?: boolean;
  /** What has to be typed first, for what is grave. */
  typed?: string;
  isPending: boolean;
  /** Why the last attempt was refused. */
  error?: unknown;
  onConfirm: () => void;
  onClose: () => void;
}

/** Asks before something is done; stays open, with the reason, when it is refused. */
export function ConfirmModal(props: ConfirmModalProps): ReactNode {
  const {
    title,
    children,
    confirmLabel,
    isDanger = false,
    typed,
    isPending,
    error,
    onConfirm,
    onClose,
  } = props;
  const [text, setText] = useState("");
  const fieldId = useId();
  const titleId = useId();
  const isReady = typed === undefined || text === typed;
  return (
    <Modal isOpen variant="small" onClose={onClose} aria-labelledby={titleId}>
      <ModalHeader
        title={title}
        labelId={titleId}
        {...(isDanger ? { titleIconVariant: "warning" as const } : {})}
      />
      <ModalBody>
        {children}
        {typed !== undefined && (
          <Form
            className="rciots-confirm-typed"
            onSubmit={(event) => {
              event.preventDefault();
              if (isReady) onConfirm();
            }}
          >
            <FormGroup label={`Type ${typed} to confirm`} fieldId={fieldId}>
              <TextInput
                id={fieldId}
                value={text}
                autoComplete="off"
                onChange={(_event, value) => setText(value)}
              />
            </FormGroup>
          </Form>
        )}
        <ProblemAlert error={error} title="It was refused" />
      </ModalBody>
      <ModalFooter>
        <Button
          variant={isDanger ? "danger" : "primary"}
          isDisabled={!isReady || isPending}
          isLoading={isPending}
          onClick={onConfirm}
        >
          {confirmLabel}
        </Button>
        <Button variant="link" onClick={onClose}>
          Cancel
        </Button>
      </ModalFooter>
    </Modal>
  );
}
