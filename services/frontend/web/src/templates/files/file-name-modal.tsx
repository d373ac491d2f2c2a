import {
  Button,
  Form,
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
  TextInput,
} from "@patternfly/react-core";
import { useId, useState, type FormEvent, type ReactNode } from "react";
import { pathFault } from "./file-path.ts";

interface FileNameModalProps {
  title: string;
  initial: string;
  submitLabel: string;
  /** What else is wrong with a path, such as that it is taken. */
  faultOf: (path: string) => string | null;
  onSubmit: (path: string) => void;
  onClose: () => void;
}

/** Asks for the path of a file or folder. */
export function FileNameModal(props: FileNameModalProps): ReactNode {
  const { title, initial, submitLabel, faultOf, onSubmit, onClose } = props;
  const [path, setPath] = useState(initial);
  const [ids] = [{ title: useId(), field: useId(), form: useId() }];
  const fault = pathFault(path) ?? faultOf(path);
  const isShown = fault !== null && path !== initial;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (fault === null) onSubmit(path);
  };
  return (
    <Modal isOpen variant="small" onClose={onClose} aria-labelledby={ids.title}>
      <ModalHeader title={title} labelId={ids.title} />
      <ModalBody>
        <Form id={ids.form} onSubmit={submit}>
          <FormGroup label="Path" fieldId={ids.field} isRequired>
            <TextInput
              id={ids.field}
              value={path}
              autoFocus
              isRequired
              autoComplete="off"
              spellCheck="false"
              validated={isShown ? "error" : "default"}
              onChange={(_event, value) => setPath(value)}
            />
            <FormHelperText>
              <HelperText>
                <HelperTextItem variant={isShown ? "error" : "default"}>
                  {isShown ? `The path ${fault}.` : "Folders are made as needed: base/deployment.yaml"}
                </HelperTextItem>
              </HelperText>
            </FormHelperText>
          </FormGroup>
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form={ids.form} isDisabled={fault !== null}>
          {submitLabel}
        </Button>
        <Button variant="link" onClick={onClose}>
          Cancel
        </Button>
      </ModalFooter>
    </Modal>
  );
}
