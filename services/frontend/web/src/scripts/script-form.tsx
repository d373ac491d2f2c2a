import {
  ActionGroup,
  Button,
  Form,
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  TextArea,
} from "@patternfly/react-core";
import { useCallback, useEffect, useRef, useState, type ReactNode } from "react";
import { Link } from "react-router";
import { interpreters, minuteMs, type Script } from "../commands/command-draft.ts";
import { interpreterChoices } from "../commands/program-fields.tsx";
import { ChoiceField } from "../components/choice-field.tsx";
import { CodeEditor } from "../components/code-editor/code-editor.tsx";
import { ProblemAlert } from "../components/problem-alert.tsx";
import { TextField } from "../components/text-field.tsx";
import { UnsavedGuard } from "../components/unsaved-guard.tsx";
import { ParametersEditor } from "./parameters-editor.tsx";
import "../commands/commands.css";

export type ScriptDraft = Pick<
  Script,
  "name" | "description" | "interpreter" | "text" | "parameters" | "timeoutMs"
>;

export const emptyScript: ScriptDraft = {
  name: "",
  description: "",
  interpreter: "sh",
  text: "",
  parameters: [],
  timeoutMs: 5 * minuteMs,
};

interface ScriptFormProps {
  initial: ScriptDraft;
  submitLabel: string;
  isPending: boolean;
  error: unknown;
  /** Absent: it can only be looked at. */
  onSubmit?: (draft: ScriptDraft) => void;
}

/** A script with all that is kept of it. */
export function ScriptForm({ initial, submitLabel, isPending, error, onSubmit }: ScriptFormProps): ReactNode {
  const [draft, setDraft] = useState(initial);
  const isDirty = useRef(false);
  const hasChanged = JSON.stringify(draft) !== JSON.stringify(initial);
  useEffect(() => void (isDirty.current = hasChanged && !isPending), [hasChanged, isPending]);
  const readDirty = useCallback(() => isDirty.current, []);
  const change = (part: Partial<ScriptDraft>): void => setDraft((current) => ({ ...current, ...part }));
  const isWhole =
    draft.name.trim() !== "" && draft.text.trim() !== "" && draft.parameters.every(({ name }) => name !== "");
  const isKnown = interpreters.some((known) => known === draft.interpreter);
  return (
    <Form
      className="rciots-command-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (isWhole && hasChanged && !isPending) {
          isDirty.current = false;
          onSubmit?.(draft);
        }
      }}
    >
      <TextField
        id="script-name"
        label="Name"
        value={draft.name}
        onChange={(name) => change({ name: name.slice(0, 100) })}
      />
      <FormGroup label="Description" fieldId="script-description">
        <TextArea
          id="script-description"
          value={draft.description}
          maxLength={2_000}
          rows={2}
          resizeOrientation="vertical"
          onChange={(_event, description) => change({ description })}
        />
      </FormGroup>
      <FormGroup label="Interpreter" fieldId="script-interpreter">
        <ChoiceField
          id="script-interpreter"
          value={draft.interpreter}
          choices={
            isKnown
              ? interpreterChoices
              : [...interpreterChoices, { value: draft.interpreter, label: draft.interpreter }]
          }
          onChange={(interpreter) => change({ interpreter })}
        />
      </FormGroup>
      <FormGroup label="Script" fieldId="script-text" isRequired>
        <CodeEditor
          label="Script"
          language="text"
          value={draft.text}
          {...(onSubmit === undefined ? {} : { onChange: (text: string) => change({ text }) })}
        />
      </FormGroup>
      <FormGroup label="Parameters" fieldId="script-parameters">
        <ParametersEditor
          parameters={draft.parameters}
          {...(onSubmit === undefined ? {} : { onChange: (parameters) => change({ parameters }) })}
        />
        <FormHelperText>
          <HelperText>
            <HelperTextItem>
              The script finds them in its environment, such as $NAME in a shell. Without a default, a value
              has to be given for each run.
            </HelperTextItem>
          </HelperText>
        </FormHelperText>
      </FormGroup>
      <ProblemAlert error={error} title="It was not saved" />
      <ActionGroup>
        {onSubmit !== undefined && (
          <Button type="submit" isDisabled={!isWhole || !hasChanged || isPending} isLoading={isPending}>
            {submitLabel}
          </Button>
        )}
        <Button variant="link" component={(props) => <Link {...props} to="/scripts" />}>
          {onSubmit === undefined ? "Back" : "Cancel"}
        </Button>
      </ActionGroup>
      <UnsavedGuard isDirty={readDirty} what="Your changes of the script" />
    </Form>
  );
}
