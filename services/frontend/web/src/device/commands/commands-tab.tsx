import {
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
  Toolbar,
  ToolbarContent,
  ToolbarGroup,
  ToolbarItem,
} from "@patternfly/react-core";
import { TerminalIcon } from "@patternfly/react-icons/dist/esm/icons/terminal-icon";
import type { ReactNode } from "react";
import { useDeviceCommands } from "../../commands/command-queries.ts";
import { CommandSwitch } from "../../commands/command-switch.tsx";
import { ExecutionsTable, NewCommandButton, runLink } from "../../commands/executions-table.tsx";
import { PagedList } from "../../components/paged-list.tsx";
import { useMay } from "../../session/session.ts";
import { logInStep, OwnMachine } from "../own-machine/own-machine.tsx";
import { useCommandRefusal } from "../own-machine/refusals.tsx";
import type { Device } from "../use-device.ts";
import "../../commands/commands.css";

/** What was run on the device, the newest first. */
export function CommandsTab({ device }: { device: Device }): ReactNode {
  const may = useMay("operator");
  const pages = useDeviceCommands(device.id);
  const refusal = useCommandRefusal(device);
  const button = <NewCommandButton to={`/commands/new?device=${device.id}`} />;
  const empty = (
    <EmptyState titleText="Nothing was run here yet" headingLevel="h2" icon={TerminalIcon}>
      <EmptyStateBody>
        A device takes commands where its agent was started with RCIOTS_COMMANDS, and by its own rules.
      </EmptyStateBody>
      {may && (
        <EmptyStateFooter>
          <EmptyStateActions>{button}</EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  );
  return (
    <>
      <Toolbar>
        <ToolbarContent>
          {may && pages.items.length > 0 && <ToolbarItem>{button}</ToolbarItem>}
          <ToolbarGroup align={{ default: "alignEnd" }}>
            <ToolbarItem alignSelf="center">
              <CommandSwitch deviceId={device.id} />
            </ToolbarItem>
          </ToolbarGroup>
        </ToolbarContent>
      </Toolbar>
      <PagedList pages={pages} empty={empty}>
        {(executions) => (
          <ExecutionsTable
            executions={executions}
            label="Commands on this device"
            heading="Command"
            nameOf={runLink}
          />
        )}
      </PagedList>
      {refusal !== undefined && (
        <OwnMachine
          refusal={refusal}
          steps={[
            logInStep(),
            {
              about: "Then run what you like. Its output comes to you, and it ends as it does there.",
              command: `rciots run ${device.name} -- uptime`,
            },
          ]}
        />
      )}
    </>
  );
}
