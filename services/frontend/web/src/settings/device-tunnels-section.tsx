import {
  Checkbox,
  FormGroup,
  FormHelperText,
  FormSection,
  HelperText,
  HelperTextItem,
  TextArea,
} from "@patternfly/react-core";
import type { ReactNode } from "react";

/** As it is typed: the networks are kept while devices may not ask. */
export interface DeviceTunnelsDraft {
  isAllowed: boolean;
  networks: string;
}

interface DeviceTunnelsSectionProps {
  draft: DeviceTunnelsDraft;
  isDisabled: boolean;
  onChange: (draft: DeviceTunnelsDraft) => void;
}

/** Whether devices may ask for tunnels themselves, and who may connect to those. */
export function DeviceTunnelsSection({ draft, isDisabled, onChange }: DeviceTunnelsSectionProps): ReactNode {
  const { isAllowed, networks } = draft;
  return (
    <FormSection title="Tunnels that devices ask for" titleElement="h2">
      <Checkbox
        id="remote-device-tunnels"
        label="Devices may ask for tunnels"
        description="By --tunnel on the agent's command line. Switched off, those that they asked for are closed."
        isChecked={isAllowed}
        isDisabled={isDisabled}
        onChange={(_event, isChecked) => onChange({ ...draft, isAllowed: isChecked })}
      />
      {isAllowed && (
        <FormGroup label="Who may connect to them" fieldId="remote-device-networks" isRequired>
          <TextArea
            id="remote-device-networks"
            value={networks}
            rows={3}
            resizeOrientation="vertical"
            spellCheck={false}
            isDisabled={isDisabled}
            aria-describedby="remote-device-networks-help"
            onChange={(_event, value) => onChange({ ...draft, networks: value })}
          />
          <FormHelperText id="remote-device-networks-help">
            <HelperText>
              <HelperTextItem>
                One address or network on each line, such as 192.0.2.0/24 or 2001:db8::/32. Whoever is there
                gets as far as the device allows.
              </HelperTextItem>
            </HelperText>
          </FormHelperText>
        </FormGroup>
      )}
    </FormSection>
  );
}
