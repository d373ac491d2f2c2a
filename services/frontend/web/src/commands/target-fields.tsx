import {
  Alert,
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  Label,
  LabelGroup,
  Radio,
} from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { problemOf } from "../api/problem.ts";
import { TextField } from "../components/text-field.tsx";
import { DeviceSelect } from "../templates/device-select.tsx";
import type { CommandDraft } from "./command-draft.ts";

interface Props {
  draft: CommandDraft;
  change: (part: Partial<CommandDraft>) => void;
}

/** How many active devices are meant, and how many of them are there now. */
function useMatches({ target, selector }: CommandDraft) {
  const api = useApi();
  const asked = useDeferredValue(selector.trim());
  return useQuery({
    queryKey: ["devices", "matching", target, asked],
    enabled: target === "all" || (target === "selected" && asked !== ""),
    queryFn: async ({ signal }) => {
      const base = {
        limit: 1,
        status: ["active" as const],
        ...(target === "all" ? {} : { selector: asked }),
      };
      const count = async (query: typeof base & { online?: "true" }) =>
        (await unwrap(api.GET("/api/v1/devices", { params: { query }, signal }))).total;
      const [total, online] = await Promise.all([count(base), count({ ...base, online: "true" })]);
      return { total, online };
    },
    retry: false,
  });
}

function Matches({ draft }: { draft: CommandDraft }): ReactNode {
  const found = useMatches(draft);
  if (draft.target === "named") return null;
  if (found.isError) {
    return (
      <Alert variant="danger" isInline isPlain title="The devices can't be counted" aria-live="polite">
        {problemOf(found.error).detail}
      </Alert>
    );
  }
  if (found.data === undefined) return null;
  const { total, online } = found.data;
  const title =
    total === 0
      ? "No active device matches"
      : `${total} device${total === 1 ? "" : "s"}, ${online} of them online`;
  return (
    <Alert variant={total === 0 ? "warning" : "info"} isInline isPlain title={title} aria-live="polite" />
  );
}

/** On which devices. */
export function TargetFields({ draft, change }: Props): ReactNode {
  const { target, devices, selector } = draft;
  const radio = (value: CommandDraft["target"], label: string): ReactNode => (
    <Radio
      id={`target-${value}`}
      name="command-target"
      label={label}
      isChecked={target === value}
      onChange={() => change({ target: value })}
    />
  );
  return (
    <>
      <FormGroup role="radiogroup" label="Devices" fieldId="command-target" isStack>
        {radio("selected", "By their labels")}
        {radio("named", "By their names")}
        {radio("all", "All active devices")}
      </FormGroup>
      {target === "selected" && (
        <TextField
          id="command-selector"
          label="Label selector"
          value={selector}
          onChange={(value) => change({ selector: value.slice(0, 1_024) })}
          help="Such as site=berlin, tier!=test or zone in (a,b); with commas, all must hold."
        />
      )}
      {target === "named" && (
        <FormGroup label="Add a device" fieldId="command-device">
          <DeviceSelect
            device={null}
            label="Add a device"
            placeholder="Find a device by name"
            onChange={(device) => {
              if (device === null || devices.some(({ id }) => id === device.id)) return;
              change({ devices: [...devices, { id: device.id, name: device.name }] });
            }}
          />
          {devices.length > 0 && (
            <LabelGroup categoryName="Chosen" numLabels={10} className="rciots-below-field">
              {devices.map(({ id, name }) => (
                <Label
                  key={id}
                  closeBtnAriaLabel={`Leave ${name} out`}
                  onClose={() => change({ devices: devices.filter((device) => device.id !== id) })}
                >
                  {name}
                </Label>
              ))}
            </LabelGroup>
          )}
          <FormHelperText>
            <HelperText>
              <HelperTextItem>At most 500; more are chosen by their labels.</HelperTextItem>
            </HelperText>
          </FormHelperText>
        </FormGroup>
      )}
      <Matches draft={draft} />
    </>
  );
}
