import {
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  Progress,
  ProgressMeasureLocation,
  ProgressSize,
  ProgressVariant,
} from "@patternfly/react-core";
import type { ReactNode } from "react";
import { PasswordInput } from "./password-input.tsx";
import { passwordStrength, type PasswordStrength } from "./password-strength.ts";

const variants: Record<PasswordStrength["score"], ProgressVariant | undefined> = {
  0: ProgressVariant.danger,
  1: ProgressVariant.danger,
  2: ProgressVariant.warning,
  3: undefined,
  4: ProgressVariant.success,
};

function StrengthMeter({ strength }: { strength: PasswordStrength }): ReactNode {
  const variant = variants[strength.score];
  return (
    <Progress
      value={strength.score * 25}
      size={ProgressSize.sm}
      title={`Strength: ${strength.label}`}
      measureLocation={ProgressMeasureLocation.none}
      aria-label="Strength of the password"
      valueText={strength.label}
      {...(variant === undefined ? {} : { variant })}
    />
  );
}

interface NewPasswordFieldProps {
  id: string;
  label: string;
  value: string;
  onChange: (value: string) => void;
  /** The person's own names, which are guessed first. */
  own?: readonly string[];
  autoFocus?: boolean;
}

/** A password to be, with how good it is and what would make it better. */
export function NewPasswordField(props: NewPasswordFieldProps): ReactNode {
  const { id, label, value, onChange, own = [], autoFocus = false } = props;
  const strength = passwordStrength(value, own);
  const isTyped = value !== "";
  const helperId = `${id}-help`;
  return (
    <FormGroup label={label} fieldId={id} isRequired>
      <PasswordInput
        id={id}
        value={value}
        autoComplete="new-password"
        describedBy={helperId}
        autoFocus={autoFocus}
        onChange={onChange}
      />
      <FormHelperText>
        {isTyped && <StrengthMeter strength={strength} />}
        <HelperText id={helperId} aria-live="polite">
          <HelperTextItem variant={isTyped && strength.score === 0 ? "warning" : "default"}>
            {isTyped ? strength.advice : "12 characters or more."}
          </HelperTextItem>
        </HelperText>
      </FormHelperText>
    </FormGroup>
  );
}
