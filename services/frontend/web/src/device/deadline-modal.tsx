import {
  Content,
  FormGroup,
  InputGroup,
  InputGroupItem,
  InputGroupText,
  TextInput,
} from "@patternfly/react-core";
import { useId, useState, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { FormModal } from "./form-modal.tsx";
import { useDeviceChange } from "./use-device-change.ts";
import type { Device } from "./use-device.ts";

const minuteMs = 60_000;
const maxMinutes = 1_440;

/** How long a revision may take to become healthy. */
export function DeadlineModal({ device, onClose }: { device: Device; onClose: () => void }): ReactNode {
  const api = useApi();
  const fieldId = useId();
  const [seen] = useState(device);
  const [text, setText] = useState(String(Math.round(seen.deadlineMs / minuteMs)));
  const minutes = Number(text);
  const isValid = /^\d+$/.test(text) && minutes >= 1 && minutes <= maxMinutes;
  const change = useDeviceChange<{ deadlineMs: number }>({
    device,
    send: (body, headers) =>
      unwrap(api.PATCH("/api/v1/devices/{id}", { params: { path: { id: seen.id } }, headers, body })),
    done: `${seen.name} has a new deadline`,
    onDone: onClose,
  });
  return (
    <FormModal
      title={`Deadline of ${seen.name}`}
      change={change}
      isValid={isValid}
      onSave={() => change.save({ deadlineMs: minutes * minuteMs }, seen.version)}
      onClose={onClose}
    >
      <Content component="p">
        A revision that is not healthy this long after it was first applied is rolled back. It counts from the
        next revision on.
      </Content>
      <FormGroup label="Deadline" fieldId={fieldId} isRequired>
        <InputGroup>
          <InputGroupItem>
            <TextInput
              id={fieldId}
              type="number"
              min={1}
              max={maxMinutes}
              value={text}
              validated={isValid ? "default" : "error"}
              onChange={(_event, value) => setText(value)}
            />
          </InputGroupItem>
          <InputGroupText>minutes</InputGroupText>
        </InputGroup>
      </FormGroup>
    </FormModal>
  );
}
