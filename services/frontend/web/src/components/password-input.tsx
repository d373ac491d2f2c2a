import { Button, InputGroup, InputGroupItem, TextInput } from "@patternfly/react-core";
import { EyeIcon } from "@patternfly/react-icons/dist/esm/icons/eye-icon";
import { EyeSlashIcon } from "@patternfly/react-icons/dist/esm/icons/eye-slash-icon";
import { useState, type ReactNode } from "react";

interface PasswordInputProps {
  id: string;
  value: string;
  onChange: (value: string) => void;
  onBlur?: () => void;
  /** `new-password` has password managers offer one. */
  autoComplete: "current-password" | "new-password";
  isInvalid?: boolean;
  /** Element that says more about the field. */
  describedBy?: string;
  autoFocus?: boolean;
}

/** A password that can be looked at. */
export function PasswordInput(props: PasswordInputProps): ReactNode {
  const { id, value, onChange, onBlur, autoComplete, isInvalid = false, describedBy, autoFocus } = props;
  const [isShown, setIsShown] = useState(false);
  return (
    <InputGroup>
      <InputGroupItem isFill>
        <TextInput
          id={id}
          type={isShown ? "text" : "password"}
          value={value}
          autoComplete={autoComplete}
          validated={isInvalid ? "error" : "default"}
          isRequired
          onChange={(_event, text) => onChange(text)}
          {...(onBlur === undefined ? {} : { onBlur })}
          {...(describedBy === undefined ? {} : { "aria-describedby": describedBy })}
          {...(autoFocus === true ? { autoFocus } : {})}
        />
      </InputGroupItem>
      <InputGroupItem>
        <Button
          variant="control"
          aria-label={isShown ? "Hide password" : "Show password"}
          aria-pressed={isShown}
          onClick={() => setIsShown(!isShown)}
          icon={isShown ? <EyeSlashIcon /> : <EyeIcon />}
        />
      </InputGroupItem>
    </InputGroup>
  );
}
