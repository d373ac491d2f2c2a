import {
  FormGroup,
  FormHelperText,
  FormSelect,
  FormSelectOption,
  HelperText,
  HelperTextItem,
  NumberInput,
  Radio,
  TextInput,
} from "@patternfly/react-core";
import type { FormEvent, ReactNode } from "react";
import { useNow } from "../components/use-now.ts";

const dayMs = 86_400_000;
const periods = [
  { value: "1", text: "In a day" },
  { value: "7", text: "In a week" },
  { value: "30", text: "In 30 days" },
  { value: "90", text: "In 90 days" },
  { value: "date", text: "At a time of your choice" },
  { value: "never", text: "Never" },
];

/** What somebody chose: a number of days, `date` with a local time, `never`, or `keep` for what is there. */
export interface Expiry {
  choice: string;
  /** As `datetime-local` gives it. */
  date: string;
}

/** ISO 8601 or null for never; undefined while no time is given, or one that is over. */
export function expiresAtOf({ choice, date }: Expiry, now: number): string | null | undefined {
  if (choice === "never") return null;
  if (choice !== "date") return new Date(now + Number(choice) * dayMs).toISOString();
  const at = Date.parse(date);
  return Number.isNaN(at) || at <= now ? undefined : new Date(at).toISOString();
}

interface ExpiryFieldProps {
  expiry: Expiry;
  onChange: (expiry: Expiry) => void;
  /** Offers to leave it as it is, in these words. */
  kept?: string;
}

export function ExpiryField({ expiry, onChange, kept }: ExpiryFieldProps): ReactNode {
  const now = useNow();
  const isMissing = expiry.choice === "date" && expiry.date !== "" && expiresAtOf(expiry, now) === undefined;
  return (
    <FormGroup label="Expires" fieldId="token-expiry">
      <FormSelect
        id="token-expiry"
        value={expiry.choice}
        onChange={(_event, choice) => onChange({ ...expiry, choice })}
      >
        {kept !== undefined && <FormSelectOption value="keep" label={kept} />}
        {periods.map(({ value, text }) => (
          <FormSelectOption key={value} value={value} label={text} />
        ))}
      </FormSelect>
      {expiry.choice === "date" && (
        <TextInput
          className="rciots-below-field"
          type="datetime-local"
          aria-label="Expires at"
          value={expiry.date}
          validated={isMissing ? "error" : "default"}
          onChange={(_event, date) => onChange({ ...expiry, date })}
        />
      )}
      <FormHelperText>
        <HelperText>
          <HelperTextItem variant={isMissing ? "error" : "default"}>
            {isMissing
              ? "Choose a time in the future."
              : "Afterwards no device can enrol with it. Devices that did stay."}
          </HelperTextItem>
        </HelperText>
      </FormHelperText>
    </FormGroup>
  );
}

interface DeviceCapFieldProps {
  /** Null: no limit. */
  maxDevices: number | null;
  onChange: (maxDevices: number | null) => void;
  /** Of a token that was used already. */
  usedCount?: number;
}

const most = 1_000_000;

export function DeviceCapField({ maxDevices, onChange, usedCount = 0 }: DeviceCapFieldProps): ReactNode {
  const bounded = (value: number): number => Math.min(most, Math.max(1, Math.trunc(value) || 1));
  return (
    <FormGroup role="radiogroup" isStack label="Devices" fieldId="token-cap">
      <Radio
        id="token-cap-limited"
        name="token-cap"
        label="At most"
        isChecked={maxDevices !== null}
        onChange={() => onChange(Math.max(10, usedCount))}
        body={
          maxDevices !== null && (
            <NumberInput
              value={maxDevices}
              min={1}
              max={most}
              inputAriaLabel="Number of devices"
              minusBtnAriaLabel="One less"
              plusBtnAriaLabel="One more"
              onMinus={() => onChange(bounded(maxDevices - 1))}
              onPlus={() => onChange(bounded(maxDevices + 1))}
              onChange={(event: FormEvent<HTMLInputElement>) =>
                onChange(bounded(Number(event.currentTarget.value)))
              }
            />
          )
        }
      />
      <Radio
        id="token-cap-unlimited"
        name="token-cap"
        label="No limit"
        isChecked={maxDevices === null}
        onChange={() => onChange(null)}
      />
    </FormGroup>
  );
}
