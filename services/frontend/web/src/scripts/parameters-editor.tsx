import { Button, TextInput } from "@patternfly/react-core";
import { MinusCircleIcon } from "@patternfly/react-icons/dist/esm/icons/minus-circle-icon";
import { PlusCircleIcon } from "@patternfly/react-icons/dist/esm/icons/plus-circle-icon";
import type { ReactNode } from "react";
import type { Script } from "../commands/command-draft.ts";

type Parameter = Script["parameters"][number];

/** Variables that a script reads, each with a default or to be given for each run. */
export function ParametersEditor(props: {
  parameters: readonly Parameter[];
  /** Absent: read-only. */
  onChange?: (parameters: Parameter[]) => void;
}): ReactNode {
  const { parameters, onChange } = props;
  const readOnly = onChange === undefined ? { readOnlyVariant: "default" as const } : {};
  const change = (at: number, part: Partial<Parameter>): void =>
    onChange?.(parameters.map((each, index) => (index === at ? { ...each, ...part } : each)));
  return (
    <div className="rciots-script-parameters">
      {parameters.map(({ name, description, defaultValue }, index) => (
        <div key={index} className="rciots-script-parameter">
          <TextInput
            aria-label={`Name of parameter ${index + 1}`}
            placeholder="NAME"
            value={name}
            maxLength={128}
            {...readOnly}
            onChange={(_event, value) => change(index, { name: value.trim() })}
          />
          <TextInput
            aria-label={`Default of parameter ${index + 1}`}
            placeholder="no default"
            value={defaultValue ?? ""}
            {...readOnly}
            onChange={(_event, value) => change(index, { defaultValue: value === "" ? null : value })}
          />
          <TextInput
            aria-label={`Description of parameter ${index + 1}`}
            placeholder="description"
            value={description}
            maxLength={500}
            {...readOnly}
            onChange={(_event, value) => change(index, { description: value })}
          />
          {onChange !== undefined && (
            <Button
              variant="plain"
              icon={<MinusCircleIcon />}
              aria-label={`Remove parameter ${index + 1}`}
              onClick={() => onChange(parameters.filter((_each, at) => at !== index))}
            />
          )}
        </div>
      ))}
      {onChange !== undefined && (
        <div>
          <Button
            variant="link"
            isInline
            icon={<PlusCircleIcon />}
            onClick={() => onChange([...parameters, { name: "", description: "", defaultValue: null }])}
          >
            Add parameter
          </Button>
        </div>
      )}
    </div>
  );
}
