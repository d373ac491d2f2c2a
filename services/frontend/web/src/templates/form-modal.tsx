import { Button, Form, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import { useId, type FormEvent, type ReactNode } from "react";

interface FormModalProps {
  title: string;
  children: ReactNode;
  isReady: boolean;
  isPending: boolean;
  onSubmit: () => void;
  onClose: () => void;
}

/** A form in a dialog, with Save and Cancel. */
export function FormModal(props: FormModalProps): ReactNode {
  const { title, children, isReady, isPending, onSubmit, onClose } = props;
  const ids = { title: useId(), form: useId() };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (isReady && !isPending) onSubmit();
  };
  return (
    <Modal isOpen variant="medium" onClose={onClose} aria-labelledby={ids.title}>
      <ModalHeader title={title} labelId={ids.title} />
      <ModalBody>
        <Form id={ids.form} onSubmit={submit}>
          {children}
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form={ids.form} isDisabled={!isReady || isPending} isLoading={isPending}>
          Save
        </Button>
        <Button variant="link" onClick={onClose}>
          Cancel
        </Button>
      </ModalFooter>
    </Modal>
  );
}
