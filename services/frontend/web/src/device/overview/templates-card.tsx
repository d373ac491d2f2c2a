import { Button } from "@patternfly/react-core";
import { ActionsColumn, Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useState, type ReactNode } from "react";
import { Link } from "react-router";
import { useApi } from "../../api/api-context.ts";
import { unwrap } from "../../api/client.ts";
import { ConfirmModal } from "../../components/confirm-modal.tsx";
import { useMay } from "../../session/session.ts";
import { ConflictAlert } from "../conflict-alert.tsx";
import { useDeviceChange } from "../use-device-change.ts";
import type { Device } from "../use-device.ts";
import { useTemplateNames } from "../use-template-names.ts";
import { AssignModal } from "./assign-modal.tsx";
import { InfoCard } from "./info-card.tsx";

type Assignment = Device["templates"][number];

function RemoveModal({
  device,
  templateId,
  name,
  onClose,
}: {
  device: Device;
  templateId: string;
  name: string;
  onClose: () => void;
}): ReactNode {
  const api = useApi();
  const [seen] = useState(device);
  const change = useDeviceChange<Assignment[]>({
    device,
    send: (body, headers) =>
      unwrap(api.PUT("/api/v1/devices/{id}/templates", { params: { path: { id: seen.id } }, headers, body })),
    done: `${name} was taken from ${seen.name}`,
    onDone: onClose,
  });
  const rest = seen.templates.filter((assigned) => assigned.templateId !== templateId);
  return (
    <ConfirmModal
      title={`Take ${name} from ${seen.name}?`}
      confirmLabel="Remove"
      isDanger
      isPending={change.isPending}
      error={change.error}
      onConfirm={() => change.save(rest, seen.version)}
      onClose={onClose}
    >
      <p>What only this template brought is deleted on the device.</p>
      <ConflictAlert conflict={change.conflict} onSaveAnyway={change.saveAnyway} onDiscard={onClose} />
    </ConfirmModal>
  );
}

/** What is assigned to the device itself. */
export function TemplatesCard({ device }: { device: Device }): ReactNode {
  const mayEdit = useMay("operator");
  const [assigning, setAssigning] = useState<string | null>(null);
  const [removing, setRemoving] = useState<string | null>(null);
  const names = useTemplateNames(device.templates.map(({ templateId }) => templateId));
  const versionOf = ({ templateId, versionId }: Assignment): string => {
    const current = names.currentOf(templateId);
    const number = names.numberOf(versionId ?? current ?? "");
    const shown = number === undefined ? "" : ` ${number}`;
    return versionId === null ? `follows (version${shown})` : `pinned to version${shown}`;
  };
  const add = (
    <Button variant="link" isInline onClick={() => setAssigning("")}>
      Add
    </Button>
  );
  return (
    <InfoCard title="Templates" action={mayEdit ? add : undefined}>
      {device.templates.length === 0 ? (
        <span className="rciots-muted">None is assigned.</span>
      ) : (
        <Table variant="compact" borders={false} aria-label="Templates">
          <Thead>
            <Tr>
              <Th>Name</Th>
              <Th>Version</Th>
              {mayEdit && <Th screenReaderText="Actions" />}
            </Tr>
          </Thead>
          <Tbody>
            {device.templates.map((assigned) => (
              <Tr key={assigned.templateId}>
                <Td dataLabel="Name">
                  <Link to={`/templates/${assigned.templateId}`}>{names.nameOf(assigned.templateId)}</Link>
                </Td>
                <Td dataLabel="Version">{versionOf(assigned)}</Td>
                {mayEdit && (
                  <Td isActionCell>
                    <ActionsColumn
                      items={[
                        { title: "Choose version", onClick: () => setAssigning(assigned.templateId) },
                        { title: "Remove", isDanger: true, onClick: () => setRemoving(assigned.templateId) },
                      ]}
                    />
                  </Td>
                )}
              </Tr>
            ))}
          </Tbody>
        </Table>
      )}
      {assigning !== null && (
        <AssignModal device={device} templateId={assigning} onClose={() => setAssigning(null)} />
      )}
      {removing !== null && (
        <RemoveModal
          device={device}
          templateId={removing}
          name={names.nameOf(removing)}
          onClose={() => setRemoving(null)}
        />
      )}
    </InfoCard>
  );
}
