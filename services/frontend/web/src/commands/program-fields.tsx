import {
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  Radio,
  TextArea,
  ToggleGroup,
  ToggleGroupItem,
} from "@patternfly/react-core";
import type { ReactNode } from "react";
import { ChoiceField } from "../components/choice-field.tsx";
import { CodeEditor } from "../components/code-editor/code-editor.tsx";
import { TextField } from "../components/text-field.tsx";
import { KeyValueEditor } from "../device/key-value-editor.tsx";
import { variableRules } from "../device/key-values.ts";
import { interpreters, withScript, type CommandDraft } from "./command-draft.ts";
import { ScriptSelect } from "./script-select.tsx";

interface Props {
  draft: CommandDraft;
  change: (part: Partial<CommandDraft>) => void;
}

const kinds: Record<CommandDraft["kind"], string> = {
  script: "A script",
  saved: "A saved script",
  command: "A single command",
};

export const interpreterChoices = interpreters.map((value) => ({ value, label: value }));

function SavedScript({ draft, change }: Props): ReactNode {
  const { script } = draft;
  return (
    <>
      <FormGroup label="Saved script" fieldId="command-script" isRequired>
        <ScriptSelect
          id="command-script"
          script={script}
          onChange={(chosen) => change(withScript(draft, chosen))}
        />
        {script !== null && script.description !== "" && (
          <FormHelperText>
            <HelperText>
              <HelperTextItem>{script.description}</HelperTextItem>
            </HelperText>
          </FormHelperText>
        )}
      </FormGroup>
      {script !== null && (
        <pre className="rciots-command-text" tabIndex={0} aria-label={`Text of ${script.name}`}>
          {script.text}
        </pre>
      )}
    </>
  );
}

function Program({ draft, change }: Props): ReactNode {
  const { kind, words, interpreter, text } = draft;
  if (kind === "saved") return <SavedScript draft={draft} change={change} />;
  if (kind === "command") {
    return (
      <FormGroup label="Command" fieldId="command-words" isRequired>
        <TextArea
          id="command-words"
          value={words}
          rows={3}
          resizeOrientation="vertical"
          spellCheck={false}
          aria-describedby="command-words-help"
          onChange={(_event, value) => change({ words: value })}
        />
        <FormHelperText>
          <HelperText id="command-words-help">
            <HelperTextItem>
              The program and its arguments, one a line. No shell reads them: blanks, quotes and $ stand for
              themselves.
            </HelperTextItem>
          </HelperText>
        </FormHelperText>
      </FormGroup>
    );
  }
  return (
    <>
      <FormGroup label="Interpreter" fieldId="command-interpreter">
        <ChoiceField
          id="command-interpreter"
          value={interpreter}
          choices={interpreterChoices}
          onChange={(value) => change({ interpreter: value })}
        />
      </FormGroup>
      <FormGroup label="Script" fieldId="command-text" isRequired>
        <CodeEditor
          label="Script"
          language="text"
          value={text}
          onChange={(value) => change({ text: value })}
        />
      </FormGroup>
    </>
  );
}

function PodFields({ draft, change }: Props): ReactNode {
  const { namespace, pod, podLabels, container } = draft;
  return (
    <div className="rciots-command-numbers">
      <TextField
        id="command-namespace"
        label="Namespace"
        value={namespace}
        onChange={(value) => change({ namespace: value })}
      />
      <TextField
        id="command-pod"
        label="Pod"
        value={pod}
        isRequired={podLabels === ""}
        onChange={(value) => change({ pod: value })}
        help="By its name; or leave it empty and give labels."
      />
      <TextField
        id="command-pod-labels"
        label="Labels of the Pod"
        value={podLabels}
        isRequired={pod === ""}
        onChange={(value) => change({ podLabels: value })}
        help="The first running Pod that has them."
      />
      <TextField
        id="command-container"
        label="Container"
        value={container}
        isRequired={false}
        onChange={(value) => change({ container: value })}
        help="Empty: the Pod's first."
      />
    </div>
  );
}

/** What is run, where on the device, and what it is given. */
export function ProgramFields({ draft, change }: Props): ReactNode {
  const { kind, place, environment, input, workingDirectory } = draft;
  return (
    <>
      <FormGroup label="What" fieldId="command-kind">
        <ToggleGroup aria-label="What is run">
          {Object.entries(kinds).map(([value, label]) => (
            <ToggleGroupItem
              key={value}
              text={label}
              isSelected={kind === value}
              onChange={() => change({ kind: value as CommandDraft["kind"] })}
            />
          ))}
        </ToggleGroup>
      </FormGroup>
      <Program draft={draft} change={change} />
      <FormGroup role="radiogroup" label="Where" fieldId="command-place" isStack>
        <Radio
          id="place-host"
          name="command-place"
          label="On the device itself"
          isChecked={place === "host"}
          onChange={() => change({ place: "host" })}
        />
        <Radio
          id="place-pod"
          name="command-place"
          label="In a container of its cluster"
          isChecked={place === "pod"}
          onChange={() => change({ place: "pod" })}
        />
      </FormGroup>
      {place === "pod" && <PodFields draft={draft} change={change} />}
      <FormGroup label="Variables" fieldId="command-variables">
        <KeyValueEditor
          rows={environment}
          rules={variableRules}
          noun="variable"
          onChange={(rows) => change({ environment: rows })}
        />
        <FormHelperText>
          <HelperText>
            <HelperTextItem>
              It finds them in its environment. The values are sealed and not shown again.
            </HelperTextItem>
          </HelperText>
        </FormHelperText>
      </FormGroup>
      <FormGroup label="Standard input" fieldId="command-input">
        <TextArea
          id="command-input"
          value={input}
          rows={2}
          resizeOrientation="vertical"
          spellCheck={false}
          onChange={(_event, value) => change({ input: value })}
        />
      </FormGroup>
      <TextField
        id="command-folder"
        label="Working directory"
        value={workingDirectory}
        isRequired={false}
        onChange={(value) => change({ workingDirectory: value })}
        faultOf={(value) => (value.startsWith("/") ? null : "Give the whole path, beginning with /.")}
        help="Empty: the home of the agent's user, or what the container has."
      />
    </>
  );
}
