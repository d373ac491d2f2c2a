import { Button, ActionList, ActionListItem, Content } from "@patternfly/react-core";
import { useState, type ReactNode } from "react";
import { useApi } from "../../api/api-context.ts";
import { unwrap } from "../../api/client.ts";
import { ProblemAlert } from "../../components/problem-alert.tsx";
import { useMay } from "../../session/session.ts";
import { ConflictAlert } from "../conflict-alert.tsx";
import { KeyValueEditor } from "../key-value-editor.tsx";
import { faultsOf, rowsOf, toMap, variableRules, type KeyValue } from "../key-values.ts";
import { InfoCard } from "../overview/info-card.tsx";
import { useDeviceChange } from "../use-device-change.ts";
import type { Device } from "../use-device.ts";

/** What is being typed, and the version it began with. */
interface Draft {
  rows: KeyValue[];
  version: number;
}

/** Values for `${name}` in the device's manifests. */
export function VariablesCard({ device }: { device: Device }): ReactNode {
  const api = useApi();
  const { id, name, variables } = device;
  const mayEdit = useMay("operator");
  const [draft, setDraft] = useState<Draft | null>(null);
  const change = useDeviceChange<Record<string, string>>({
    device,
    send: (body, headers) =>
      unwrap(api.PUT("/api/v1/devices/{id}/variables", { params: { path: { id } }, headers, body })),
    done: `The variables of ${name} were saved`,
    onDone: () => setDraft(null),
  });
  const discard = (): void => {
    setDraft(null);
    change.reset();
  };
  const rows = draft?.rows ?? rowsOf(variables);
  const edit = (next: KeyValue[]): void =>
    setDraft((before) => ({ rows: next, version: before?.version ?? device.version }));
  const isValid = faultsOf(rows, variableRules).size === 0;
  return (
    <InfoCard title="Variables">
      <Content component="p" className="rciots-muted">
        They fill in {"${name}"} in its manifests. For what nobody may read, use a secret.
      </Content>
      {rows.length === 0 && <p>None is set.</p>}
      <KeyValueEditor
        rows={rows}
        rules={variableRules}
        noun="variable"
        {...(mayEdit ? { onChange: edit } : {})}
      />
      <ConflictAlert conflict={change.conflict} onSaveAnyway={change.saveAnyway} onDiscard={discard} />
      <ProblemAlert error={change.error} title="The variables were not saved" />
      {draft !== null && (
        <ActionList className="rciots-card-foot">
          <ActionListItem>
            <Button
              variant="primary"
              isDisabled={!isValid || change.isPending}
              isLoading={change.isPending}
              onClick={() => change.save(toMap(draft.rows), draft.version)}
            >
              Save
            </Button>
          </ActionListItem>
          <ActionListItem>
            <Button variant="link" onClick={discard}>
              Cancel
            </Button>
          </ActionListItem>
        </ActionList>
      )}
    </InfoCard>
  );
}
