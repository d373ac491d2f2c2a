import { FormSelect, FormSelectOption } from "@patternfly/react-core";
import type { ReactNode } from "react";

interface ChoiceFieldProps<Value extends string> {
  id: string;
  value: Value;
  choices: readonly { value: Value; label: string }[];
  onChange: (value: Value) => void;
  /** Where no label of a form stands before it. */
  label?: string;
}

/** One of a few values. */
export function ChoiceField<Value extends string>(props: ChoiceFieldProps<Value>): ReactNode {
  const { id, value, choices, onChange, label } = props;
  return (
    <FormSelect
      id={id}
      value={value}
      {...(label === undefined ? {} : { "aria-label": label })}
      onChange={(_event, chosen) => {
        const found = choices.find((choice) => choice.value === chosen);
        if (found !== undefined) onChange(found.value);
      }}
    >
      {choices.map((choice) => (
        <FormSelectOption key={choice.value} value={choice.value} label={choice.label} />
      ))}
    </FormSelect>
  );
}
