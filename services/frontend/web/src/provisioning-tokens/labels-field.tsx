import {
  Button,
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  InputGroup,
  InputGroupItem,
  Label,
  LabelGroup,
  TextInput,
} from "@patternfly/react-core";
import { useId, useState, type KeyboardEvent, type ReactNode } from "react";

const word = /^[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$/;
const value = /^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/;

/** `site=berlin`, as the platform takes it; null: it is none. */
export function parseLabel(text: string): [key: string, value: string] | null {
  const [key = "", ...rest] = text.trim().split("=");
  const given = rest.join("=");
  return word.test(key) && value.test(given) ? [key, given] : null;
}

interface LabelsFieldProps {
  labels: Record<string, string>;
  onChange: (labels: Record<string, string>) => void;
}

/** Labels as chips, with a field to add one. */
export function LabelsField({ labels, onChange }: LabelsFieldProps): ReactNode {
  const [text, setText] = useState("");
  const fieldId = useId();
  const parsed = parseLabel(text);
  const isWrong = text.trim() !== "" && parsed === null;
  const add = (): void => {
    if (parsed === null) return;
    onChange({ ...labels, [parsed[0]]: parsed[1] });
    setText("");
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    add();
  };
  const remove = (key: string): void =>
    onChange(Object.fromEntries(Object.entries(labels).filter(([other]) => other !== key)));
  return (
    <FormGroup label="Labels" fieldId={fieldId}>
      <InputGroup>
        <InputGroupItem isFill>
          <TextInput
            id={fieldId}
            value={text}
            placeholder="site=berlin"
            validated={isWrong ? "error" : "default"}
            onChange={(_event, next) => setText(next)}
            onKeyDown={onKeyDown}
          />
        </InputGroupItem>
        <InputGroupItem>
          <Button variant="control" isDisabled={parsed === null} onClick={add}>
            Add label
          </Button>
        </InputGroupItem>
      </InputGroup>
      <FormHelperText>
        <HelperText>
          <HelperTextItem variant={isWrong ? "error" : "default"}>
            {isWrong
              ? "A label is key=value: letters, digits, hyphens and underscores; in the value dots too."
              : "Each device that enrols with the token is given them. Fleets and selectors find devices by labels."}
          </HelperTextItem>
        </HelperText>
      </FormHelperText>
      {Object.keys(labels).length > 0 && (
        <LabelGroup className="rciots-below-field" numLabels={20} aria-label="Labels to give">
          {Object.entries(labels).map(([key, given]) => (
            <Label key={key} closeBtnAriaLabel={`Remove ${key}`} onClose={() => remove(key)}>
              {given === "" ? key : `${key}=${given}`}
            </Label>
          ))}
        </LabelGroup>
      )}
    </FormGroup>
  );
}
