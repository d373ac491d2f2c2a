import { Button } from "@patternfly/react-core";
import { useState, type ReactNode } from "react";
import { useApi } from "../../api/api-context.ts";
import { unwrap } from "../../api/client.ts";
import { LabelList } from "../../components/label-list.tsx";
import { useMay } from "../../session/session.ts";
import { FormModal } from "../form-modal.tsx";
import { KeyValueEditor } from "../key-value-editor.tsx";
import { faultsOf, labelRules, rowsOf, toMap } from "../key-values.ts";
import { useDeviceChange } from "../use-device-change.ts";
import type { Device } from "../use-device.ts";
import { InfoCard } from "./info-card.tsx";

const hrefOf = (key: string, value: string): string =>
  `/devices?label=${encodeURIComponent(`${key}=${value}`)}`;

function LabelsModal({ device, onClose }: { device: Device; onClose: () => void }): ReactNode {
  const api = useApi();
  const [seen] = useState(device);
  const [rows, setRows] = useState(() => rowsOf(seen.labels));
  const change = useDeviceChange<Record<string, string>>({
    device,
    send: (body, headers) =>
      unwrap(api.PUT("/api/v1/devices/{id}/labels", { params: { path: { id: seen.id } }, headers, body })),
    done: `The labels of ${seen.name} were saved`,
    onDone: onClose,
  });
  return (
    <FormModal
      title={`Labels of ${seen.name}`}
      change={change}
      isValid={faultsOf(rows, labelRules).size === 0}
      onSave={() => change.save(toMap(rows), seen.version)}
      onClose={onClose}
    >
      <KeyValueEditor rows={rows} onChange={setRows} rules={labelRules} noun="label" />
    </FormModal>
  );
}

export function LabelsCard({ device }: { device: Device }): ReactNode {
  const [isOpen, setIsOpen] = useState(false);
  const mayEdit = useMay("operator");
  const edit = (
    <Button variant="link" isInline onClick={() => setIsOpen(true)}>
      Edit
    </Button>
  );
  return (
    <InfoCard title="Labels" action={mayEdit ? edit : undefined}>
      <LabelList labels={device.labels} max={12} hrefOf={hrefOf} />
      {isOpen && <LabelsModal device={device} onClose={() => setIsOpen(false)} />}
    </InfoCard>
  );
}
