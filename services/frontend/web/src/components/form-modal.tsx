import { Button, Form, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import { useId, type FormEvent, type ReactNode } from "react";
import { ProblemAlert } from "./problem-alert.tsx";

interface FormModalProps {
  title: string;
  /** On the button: the verb, such as `Invite`. */
  submitLabel: string;
  description?: ReactNode;
  children: ReactNode;
  isReady: boolean;
  isPending: boolean;
  error: unknown;
  onSubmit: () => void;
  onClose: () => void;
}

/** A few fields in a dialog; stays open, with the reason, when they are refused. */
export function FormModal(props: FormModalProps): ReactNode {
  const { title, submitLabel, description, children, isReady, isPending, error, onSubmit, onClose } = props;
  const formId = useId();
  const titleId = useId();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (isReady && !isPending) onSubmit();
  };
  return (
    <Modal isOpen variant="small" onClose={onClose} aria-labelledby={titleId}>
      <ModalHeader title={title} labelId={titleId} {...(description === undefined ? {} : { description })} />
      <ModalBody>
        <Form id={formId} onSubmit={submit}>
          {children}
          <ProblemAlert error={error} title="It was refused" />
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form={formId} isDisabled={!isReady || isPending} isLoading={isPending}>
          {submitLabel}
        </Button>
        <Button variant="link" onClick={onClose}>
          Cancel
        </Button>
      </ModalFooter>
    </Modal>
  );
}
