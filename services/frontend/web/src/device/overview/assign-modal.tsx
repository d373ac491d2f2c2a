import { FormGroup, FormSelect, FormSelectOption } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { useId, useState, type ReactNode } from "react";
import { useApi } from "../../api/api-context.ts";
import { unwrap } from "../../api/client.ts";
import { FormModal } from "../form-modal.tsx";
import { useDeviceChange } from "../use-device-change.ts";
import type { Device } from "../use-device.ts";
import { useTemplates } from "../use-template-names.ts";

interface AssignModalProps {
  device: Device;
  /** Empty: another one is added. */
  templateId: string;
  onClose: () => void;
}

type Assignments = Device["templates"];

function useVersions(templateId: string) {
  const api = useApi();
  return useQuery({
    queryKey: ["templates", templateId, "versions", "numbers"],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/v1/templates/{id}/versions", {
          params: { path: { id: templateId }, query: { limit: 500 } },
          signal,
        }),
      ),
    enabled: templateId !== "",
  });
}

/** Adds a template to a device, or chooses the version of one that it has. */
export function AssignModal({ device, templateId, onClose }: AssignModalProps): ReactNode {
  const api = useApi();
  const fieldId = useId();
  const [seen] = useState(device);
  const isNew = templateId === "";
  const assigned = seen.templates.find((each) => each.templateId === templateId);
  const [chosen, setChosen] = useState(templateId);
  const [versionId, setVersionId] = useState(assigned?.versionId ?? "");
  const { templates } = useTemplates();
  const versions = useVersions(chosen).data?.items ?? [];
  const free = templates.filter(({ id }) => !seen.templates.some((each) => each.templateId === id));
  const change = useDeviceChange<Assignments>({
    device,
    send: (body, headers) =>
      unwrap(api.PUT("/api/v1/devices/{id}/templates", { params: { path: { id: seen.id } }, headers, body })),
    done: `The templates of ${seen.name} were saved`,
    onDone: onClose,
  });
  const entry = { templateId: chosen, versionId: versionId === "" ? null : versionId };
  const wanted = isNew
    ? [...seen.templates, entry]
    : seen.templates.map((each) => (each.templateId === templateId ? entry : each));
  return (
    <FormModal
      title={isNew ? `Add a template to ${seen.name}` : "Choose the version"}
      change={change}
      isValid={chosen !== ""}
      onSave={() => change.save(wanted, seen.version)}
      onClose={onClose}
    >
      {isNew && (
        <FormGroup label="Template" fieldId={`${fieldId}-template`} isRequired>
          <FormSelect
            id={`${fieldId}-template`}
            value={chosen}
            onChange={(_event, value) => {
              setChosen(value);
              setVersionId("");
            }}
          >
            <FormSelectOption
              value=""
              label={free.length === 0 ? "There is no other template" : "Choose one"}
              isPlaceholder
            />
            {free.map(({ id, name }) => (
              <FormSelectOption key={id} value={id} label={name} />
            ))}
          </FormSelect>
        </FormGroup>
      )}
      <FormGroup label="Version" fieldId={`${fieldId}-version`}>
        <FormSelect
          id={`${fieldId}-version`}
          value={versionId}
          isDisabled={chosen === ""}
          onChange={(_event, value) => setVersionId(value)}
        >
          <FormSelectOption value="" label="Follow the current version" />
          {versions.map(({ id, number, isCurrent, commit }) => (
            <FormSelectOption
              key={id}
              value={id}
              label={`Stay at version ${number}${isCurrent ? " (current)" : ""}${commit === null ? "" : `: ${commit.subject}`}`}
            />
          ))}
        </FormSelect>
      </FormGroup>
    </FormModal>
  );
}
