import { FormGroup, TextArea, TextInput } from "@patternfly/react-core";
import type { ReactNode } from "react";

export interface TemplateNames {
  name: string;
  description: string;
}

/** Name and description, as of a template. */
export function NameFields(props: {
  names: TemplateNames;
  onChange: (names: TemplateNames) => void;
}): ReactNode {
  const { names, onChange } = props;
  return (
    <>
      <FormGroup label="Name" fieldId="template-name" isRequired>
        <TextInput
          id="template-name"
          value={names.name}
          isRequired
          maxLength={100}
          autoComplete="off"
          onChange={(_event, name) => onChange({ ...names, name })}
        />
      </FormGroup>
      <FormGroup label="Description" fieldId="template-description">
        <TextArea
          id="template-description"
          value={names.description}
          maxLength={2_000}
          rows={2}
          resizeOrientation="vertical"
          onChange={(_event, description) => onChange({ ...names, description })}
        />
      </FormGroup>
    </>
  );
}
