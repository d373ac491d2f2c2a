import {
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  TextInput,
  type TextInputProps,
} from "@patternfly/react-core";
import { useState, type ReactNode } from "react";

interface TextFieldProps {
  id: string;
  label: string;
  value: string;
  onChange: (value: string) => void;
  /** What is wrong with the value, or null; shown once the person has left the field. */
  faultOf?: (value: string) => string | null;
  help?: ReactNode;
  type?: "text" | "email";
  autoComplete?: string;
  inputMode?: TextInputProps["inputMode"];
  isRequired?: boolean;
  autoFocus?: boolean;
}

/** A labelled line of text that says what is wrong with it. */
export function TextField(props: TextFieldProps): ReactNode {
  const { id, label, value, onChange, faultOf, help, type = "text", isRequired = true } = props;
  const { autoComplete = "off", inputMode, autoFocus = false } = props;
  const [isLeft, setIsLeft] = useState(false);
  const fault = isLeft && value !== "" ? (faultOf?.(value) ?? null) : null;
  const helperId = `${id}-help`;
  return (
    <FormGroup label={label} fieldId={id} isRequired={isRequired}>
      <TextInput
        id={id}
        type={type}
        value={value}
        autoComplete={autoComplete}
        autoCapitalize="none"
        spellCheck={false}
        isRequired={isRequired}
        autoFocus={autoFocus}
        validated={fault === null ? "default" : "error"}
        aria-describedby={helperId}
        onBlur={() => setIsLeft(true)}
        onChange={(_event, text) => onChange(text)}
        {...(inputMode === undefined ? {} : { inputMode })}
      />
      {(fault !== null || help !== undefined) && (
        <FormHelperText>
          <HelperText id={helperId} aria-live="polite">
            <HelperTextItem variant={fault === null ? "default" : "error"}>{fault ?? help}</HelperTextItem>
          </HelperText>
        </FormHelperText>
      )}
    </FormGroup>
  );
}
