import { Button, FormHelperText, HelperText, HelperTextItem, TextInput } from "@patternfly/react-core";
import { MinusCircleIcon } from "@patternfly/react-icons/dist/esm/icons/minus-circle-icon";
import { PlusCircleIcon } from "@patternfly/react-icons/dist/esm/icons/plus-circle-icon";
import type { ReactNode } from "react";
import { faultsOf, type KeyValue, type KeyValueRules } from "./key-values.ts";

interface KeyValueEditorProps {
  rows: readonly KeyValue[];
  /** Absent: read-only. */
  onChange?: (rows: KeyValue[]) => void;
  rules: KeyValueRules;
  /** `label`, `variable`. */
  noun: string;
}

const Fault = ({ text }: { text: string | undefined }): ReactNode =>
  text !== undefined && (
    <FormHelperText>
      <HelperText>
        <HelperTextItem variant="error">{text}</HelperTextItem>
      </HelperText>
    </FormHelperText>
  );

/** A map of text to text, a row for each entry. */
export function KeyValueEditor({ rows, onChange, rules, noun }: KeyValueEditorProps): ReactNode {
  const faults = faultsOf(rows, rules);
  const change = (id: number, part: Partial<KeyValue>): void =>
    onChange?.(rows.map((row) => (row.id === id ? { ...row, ...part } : row)));
  const add = (): void => {
    const id = rows.reduce((highest, row) => Math.max(highest, row.id), -1) + 1;
    onChange?.([...rows, { id, key: "", value: "" }]);
  };
  return (
    <div className="rciots-key-values">
      {rows.map(({ id, key, value }) => (
        <div key={id} className="rciots-key-value">
          <div>
            <TextInput
              aria-label={`Name of ${noun} ${key}`}
              value={key}
              placeholder="name"
              validated={faults.get(id)?.key === undefined || key === "" ? "default" : "error"}
              {...(onChange === undefined ? { readOnlyVariant: "default" as const } : {})}
              onChange={(_event, text) => change(id, { key: text.trim() })}
            />
            <Fault text={key === "" ? undefined : faults.get(id)?.key} />
          </div>
          <div>
            <TextInput
              aria-label={`Value of ${noun} ${key}`}
              value={value}
              placeholder="value"
              validated={faults.get(id)?.value === undefined ? "default" : "error"}
              {...(onChange === undefined ? { readOnlyVariant: "default" as const } : {})}
              onChange={(_event, text) => change(id, { value: text })}
            />
            <Fault text={faults.get(id)?.value} />
          </div>
          {onChange !== undefined && (
            <Button
              variant="plain"
              icon={<MinusCircleIcon />}
              aria-label={`Remove ${noun} ${key}`}
              onClick={() => onChange(rows.filter((row) => row.id !== id))}
            />
          )}
        </div>
      ))}
      {onChange !== undefined && (
        <div>
          <Button variant="link" isInline icon={<PlusCircleIcon />} onClick={add}>
            Add {noun}
          </Button>
        </div>
      )}
    </div>
  );
}
