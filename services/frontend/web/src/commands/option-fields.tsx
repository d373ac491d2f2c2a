import {
  Checkbox,
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  NumberInput,
} from "@patternfly/react-core";
import type { ReactNode } from "react";
import { ChoiceField } from "../components/choice-field.tsx";
import type { CommandDraft } from "./command-draft.ts";

interface Props {
  draft: CommandDraft;
  change: (part: Partial<CommandDraft>) => void;
}

interface NumberFieldProps {
  id: string;
  label: string;
  value: number;
  max: number;
  help: string;
  onChange: (value: number) => void;
}

function NumberField({ id, label, value, max, help, onChange }: NumberFieldProps): ReactNode {
  const set = (wanted: number): void => onChange(Math.min(max, Math.max(1, Math.trunc(wanted) || 1)));
  return (
    <FormGroup label={label} fieldId={id}>
      <NumberInput
        id={id}
        value={value}
        min={1}
        max={max}
        inputAriaLabel={label}
        minusBtnAriaLabel={`${label}: less`}
        plusBtnAriaLabel={`${label}: more`}
        onMinus={() => set(value - 1)}
        onPlus={() => set(value + 1)}
        onChange={(event) => set(Number(event.currentTarget.value))}
      />
      <FormHelperText>
        <HelperText>
          <HelperTextItem>{help}</HelperTextItem>
        </HelperText>
      </FormHelperText>
    </FormGroup>
  );
}

const waits = [
  { value: "0", label: "Leave them out" },
  { value: "10", label: "Wait ten minutes for them" },
  { value: "60", label: "Wait an hour for them" },
  { value: "1440", label: "Wait a day for them" },
  { value: "10080", label: "Wait a week for them" },
];

/** How it is run on many devices. */
export function OptionFields({ draft, change }: Props): ReactNode {
  const { timeoutMinutes, concurrency, stopOnFailure, waitMinutes } = draft;
  const isListed = waits.some(({ value }) => value === String(waitMinutes));
  return (
    <>
      <div className="rciots-command-numbers">
        <NumberField
          id="command-timeout"
          label="Minutes it may take"
          value={timeoutMinutes}
          max={1_440}
          help="Then all its processes are asked to end, and killed after five seconds."
          onChange={(value) => change({ timeoutMinutes: value })}
        />
        <NumberField
          id="command-concurrency"
          label="Devices at once"
          value={concurrency}
          max={500}
          help="The others wait for their turn."
          onChange={(value) => change({ concurrency: value })}
        />
      </div>
      <FormGroup label="Devices that are offline" fieldId="command-wait">
        <ChoiceField
          id="command-wait"
          value={String(waitMinutes)}
          choices={
            isListed
              ? waits
              : [...waits, { value: String(waitMinutes), label: `Wait ${waitMinutes} minutes for them` }]
          }
          onChange={(value) => change({ waitMinutes: Number(value) })}
        />
      </FormGroup>
      <Checkbox
        id="command-stop"
        label="Begin on no more devices once it failed on one"
        description="Otherwise each device is on its own."
        isChecked={stopOnFailure}
        onChange={(_event, checked) => change({ stopOnFailure: checked })}
      />
    </>
  );
}
