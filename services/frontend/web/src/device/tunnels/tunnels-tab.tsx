import {
  Button,
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from "@patternfly/react-core";
import { useState, type ReactNode } from "react";
import { PagedList } from "../../components/paged-list.tsx";
import { useMay } from "../../session/session.ts";
import { OpenTunnelModal } from "../../tunnels/open-tunnel-modal.tsx";
import { useWays } from "../../tunnels/tunnel-queries.ts";
import { WaysTable } from "../../tunnels/ways-table.tsx";
import { logInStep, OwnMachine } from "../own-machine/own-machine.tsx";
import { useTunnelRefusal } from "../own-machine/refusals.tsx";
import type { Device } from "../use-device.ts";

/** Ways to what the device reaches, and how to use them. */
export function TunnelsTab({ device }: { device: Device }): ReactNode {
  const pages = useWays(device.id);
  const may = useMay("operator");
  const refusal = useTunnelRefusal(device);
  const [isOpening, setIsOpening] = useState(false);
  const isActive = device.status === "active";
  const button = (
    <Button isAriaDisabled={!isActive} onClick={() => setIsOpening(true)}>
      Open a tunnel
    </Button>
  );
  const empty = (
    <EmptyState titleText="No tunnels to this device" headingLevel="h2">
      <EmptyStateBody>
        {isActive
          ? "A tunnel leads to a port of the device, or of a host that it reaches. Nothing is opened in its network."
          : "Only an active device takes tunnels."}
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
      {may && pages.items.length > 0 && (
        <Toolbar>
          <ToolbarContent>
            <ToolbarItem>{button}</ToolbarItem>
          </ToolbarContent>
        </Toolbar>
      )}
      <PagedList pages={pages} empty={empty}>
        {(ways) => <WaysTable ways={ways} />}
      </PagedList>
      <OwnMachine
        refusal={refusal}
        steps={[
          logInStep(),
          {
            about: "Then let a port of your machine lead to one of the device, with none on the platform.",
            command: `rciots connect ${device.name} 22 --local 2222`,
          },
        ]}
      />
      {isOpening && <OpenTunnelModal deviceId={device.id} onClose={() => setIsOpening(false)} />}
    </>
  );
}
