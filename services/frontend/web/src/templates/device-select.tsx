import {
  Button,
  MenuToggle,
  Select,
  SelectList,
  SelectOption,
  TextInputGroup,
  TextInputGroupMain,
  TextInputGroupUtilities,
} from "@patternfly/react-core";
import { TimesIcon } from "@patternfly/react-icons/dist/esm/icons/times-icon";
import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useState, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap, type Schema } from "../api/client.ts";

type Device = Schema<"Device">;
const shownCount = 20;

function useDevicesNamed(q: string) {
  const api = useApi();
  return useQuery({
    queryKey: ["devices", "named", q],
    queryFn: ({ signal }) => {
      const query = { limit: shownCount, sort: "name" as const, ...(q === "" ? {} : { q }) };
      return unwrap(api.GET("/api/v1/devices", { params: { query }, signal }));
    },
    placeholderData: (before) => before,
  });
}

interface DeviceSelectProps {
  device: Device | null;
  onChange: (device: Device | null) => void;
  /** What it is chosen for; default: a preview. */
  label?: string;
  placeholder?: string;
}

/** Chooses a device by its name. */
export function DeviceSelect(props: DeviceSelectProps): ReactNode {
  const { device, onChange } = props;
  const { label = "Preview for a device", placeholder = "No device: placeholders as written" } = props;
  const [isOpen, setIsOpen] = useState(false);
  const [text, setText] = useState("");
  const found = useDevicesNamed(useDeferredValue(text.slice(0, 100)));
  const devices = found.data?.items ?? [];
  return (
    <Select
      isOpen={isOpen}
      selected={device?.id}
      onOpenChange={setIsOpen}
      onSelect={(_event, id) => {
        const chosen = devices.find((candidate) => candidate.id === id);
        if (chosen === undefined) return;
        onChange(chosen);
        setText("");
        setIsOpen(false);
      }}
      toggle={(ref) => (
        <MenuToggle
          ref={ref}
          variant="typeahead"
          isExpanded={isOpen}
          onClick={() => setIsOpen(!isOpen)}
          aria-label="Device"
        >
          <TextInputGroup isPlain>
            <TextInputGroupMain
              value={isOpen ? text : (device?.name ?? text)}
              placeholder={placeholder}
              aria-label={label}
              autoComplete="off"
              role="combobox"
              isExpanded={isOpen}
              aria-controls="preview-devices"
              onClick={() => setIsOpen(true)}
              onChange={(_event, value) => {
                setText(value);
                setIsOpen(true);
              }}
            />
            {device !== null && (
              <TextInputGroupUtilities>
                <Button
                  variant="plain"
                  aria-label="Without a device"
                  icon={<TimesIcon />}
                  onClick={() => onChange(null)}
                />
              </TextInputGroupUtilities>
            )}
          </TextInputGroup>
        </MenuToggle>
      )}
    >
      <SelectList id="preview-devices">
        {devices.map(({ id, name }) => (
          <SelectOption key={id} value={id}>
            {name}
          </SelectOption>
        ))}
        {found.isSuccess && devices.length === 0 && (
          <SelectOption isDisabled value="none">
            No device matches
          </SelectOption>
        )}
      </SelectList>
    </Select>
  );
}
