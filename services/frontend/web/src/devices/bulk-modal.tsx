import {
  Alert,
  Button,
  Checkbox,
  Content,
  Form,
  FormGroup,
  FormHelperText,
  FormSelect,
  FormSelectOption,
  HelperText,
  HelperTextItem,
  List,
  ListItem,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
  Progress,
  TextInput,
} from "@patternfly/react-core";
import { useId, useState, type ReactNode } from "react";
import { Link } from "react-router";
import { ProblemAlert } from "../components/problem-alert.tsx";
import { useToasts } from "../components/toasts.ts";
import { bulkActions, changeOf, emptyInput, type BulkActionName, type BulkInput } from "./bulk-actions.ts";
import { useBulk, type BulkResult, type BulkRun, type BulkTarget } from "./use-bulk.ts";
import { useTemplateNames } from "./use-template-names.ts";

const maxFailuresShown = 100;

export const countDevices = (count: number): string =>
  count === 1 ? "1 device" : `${count.toLocaleString()} devices`;

interface FieldsProps {
  action: BulkActionName;
  input: BulkInput;
  onChange: (part: Partial<BulkInput>) => void;
}

function LabelField({
  label,
  value,
  hint,
  onChange,
}: {
  label: string;
  value: string;
  hint: string;
  onChange: (value: string) => void;
}): ReactNode {
  const id = useId();
  return (
    <FormGroup label={label} fieldId={id}>
      <TextInput id={id} value={value} autoComplete="off" onChange={(_event, text) => onChange(text)} />
      <FormHelperText>
        <HelperText>
          <HelperTextItem>{hint}</HelperTextItem>
        </HelperText>
      </FormHelperText>
    </FormGroup>
  );
}

function TemplateField({ value, onChange }: { value: string; onChange: (id: string) => void }): ReactNode {
  const id = useId();
  const names = useTemplateNames();
  return (
    <FormGroup label="Template" fieldId={id} isRequired>
      <FormSelect id={id} value={value} onChange={(_event, chosen) => onChange(chosen)}>
        <FormSelectOption value="" label="Choose a template" isPlaceholder />
        {Object.entries(names).map(([templateId, name]) => (
          <FormSelectOption key={templateId} value={templateId} label={name} />
        ))}
      </FormSelect>
    </FormGroup>
  );
}

/** What the action needs to know besides the devices. */
function Fields({ action, input, onChange }: FieldsProps): ReactNode {
  const id = useId();
  if (action === "assign" || action === "unassign") {
    return <TemplateField value={input.templateId} onChange={(templateId) => onChange({ templateId })} />;
  }
  if (action === "decommission") {
    return (
      <Checkbox
        id={id}
        label="Delete what they run, too"
        isChecked={input.wipeWorkloads}
        onChange={(_event, wipeWorkloads) => onChange({ wipeWorkloads })}
      />
    );
  }
  if (action !== "labels" && action !== "approve") return null;
  return (
    <>
      <LabelField
        label="Set labels"
        hint="Such as site=berlin, tier=gold"
        value={input.setLabels}
        onChange={(setLabels) => onChange({ setLabels })}
      />
      {action === "labels" && (
        <LabelField
          label="Remove labels"
          hint="Their names, such as old, wave"
          value={input.removeLabels}
          onChange={(removeLabels) => onChange({ removeLabels })}
        />
      )}
    </>
  );
}

function Failures({ failures }: { failures: readonly BulkResult[] }): ReactNode {
  return (
    <Alert isInline variant="warning" title={`${countDevices(failures.length)} could not be changed`}>
      <List isPlain>
        {failures.slice(0, maxFailuresShown).map(({ id, name, error }) => (
          <ListItem key={id}>
            {name === null ? id : <Link to={`/devices/${id}`}>{name}</Link>}: {error?.message}
          </ListItem>
        ))}
        {failures.length > maxFailuresShown && (
          <ListItem>and {failures.length - maxFailuresShown} more</ListItem>
        )}
      </List>
    </Alert>
  );
}

/** How far it is, and in the end how it went. */
function Outcome({ run, count, done }: { run: BulkRun; count: number; done: string }): ReactNode {
  const failures = run.results.filter(({ outcome }) => outcome === "failed");
  const changed = run.results.filter(({ outcome }) => outcome === "changed").length;
  const unchanged = run.results.length - changed - failures.length;
  return (
    <>
      {run.isRunning && (
        <Progress
          aria-label="Devices gone through"
          title={`${run.results.length.toLocaleString()} of ${countDevices(count)}`}
          value={(run.results.length / Math.max(1, count)) * 100}
        />
      )}
      {run.isDone && (
        <Content component="p">
          {countDevices(changed)} {changed === 1 ? "was" : "were"} {done}
          {unchanged > 0 && `; ${unchanged.toLocaleString()} already ${unchanged === 1 ? "was" : "were"}`}.
        </Content>
      )}
      {failures.length > 0 && !run.isRunning && <Failures failures={failures} />}
    </>
  );
}

interface BulkModalProps {
  action: BulkActionName;
  target: BulkTarget;
  onClose: () => void;
  /** All went well, and the dialog has nothing more to say. */
  onDone: () => void;
}

/** Asks, shows how far it is, and says what went wrong. */
export function BulkModal({ action, target, onClose, onDone }: BulkModalProps): ReactNode {
  const titleId = useId();
  const toasts = useToasts();
  const [input, setInput] = useState(emptyInput);
  const { run, start, stop } = useBulk();
  const { label, done, about, isDanger = false } = bulkActions[action];
  const change = changeOf(action, input);
  const isAsking = !run.isRunning && !run.isDone;

  async function confirm(): Promise<void> {
    if (change === null) return;
    const results = await start(target, change);
    if (results === null || results.length === 0 || results.some(({ outcome }) => outcome === "failed"))
      return;
    if (results.length < target.count && "ids" in target) return;
    toasts.add({ title: `${countDevices(results.length)} ${done}` });
    onDone();
  }

  return (
    <Modal
      isOpen
      variant="small"
      aria-labelledby={titleId}
      onClose={run.isRunning ? stop : run.isDone ? onDone : onClose}
    >
      <ModalHeader
        labelId={titleId}
        title={`${label}: ${countDevices(target.count)}`}
        {...(isDanger ? { titleIconVariant: "warning" as const } : {})}
      />
      <ModalBody>
        {isAsking && (
          <Form
            onSubmit={(event) => {
              event.preventDefault();
              void confirm();
            }}
          >
            <Content component="p">{about}</Content>
            <Fields action={action} input={input} onChange={(part) => setInput({ ...input, ...part })} />
          </Form>
        )}
        <Outcome run={run} count={target.count} done={done} />
        <ProblemAlert error={run.error} title="It was refused" />
      </ModalBody>
      <ModalFooter>
        {isAsking && (
          <Button
            variant={isDanger ? "danger" : "primary"}
            isDisabled={change === null}
            onClick={() => void confirm()}
          >
            {label}
          </Button>
        )}
        {isAsking && (
          <Button variant="link" onClick={onClose}>
            Cancel
          </Button>
        )}
        {run.isRunning && (
          <Button variant="secondary" onClick={stop}>
            Stop
          </Button>
        )}
        {run.isDone && !run.isRunning && <Button onClick={onDone}>Close</Button>}
      </ModalFooter>
    </Modal>
  );
}
