import {
  Button,
  ClipboardCopy,
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from "@patternfly/react-core";
import { useState, type ReactNode } from "react";
import { ErrorState } from "../../components/error-state.tsx";
import { PageLoading } from "../../components/page-loading.tsx";
import { useMay } from "../../session/session.ts";
import { OpenTunnelModal } from "../../tunnels/open-tunnel-modal.tsx";
import { useWays } from "../../tunnels/tunnel-queries.ts";
import { WaysTable } from "../../tunnels/ways-table.tsx";
import type { Device } from "../use-device.ts";

/** Ways to what the device reaches, and how to use them. */
export function TunnelsTab({ device }: { device: Device }): ReactNode {
  const found = useWays(device.id);
  const may = useMay("operator");
  const [isOpening, setIsOpening] = useState(false);
  if (found.isPending) return <PageLoading label="Loading tunnels" />;
  if (found.isError) return <ErrorState error={found.error} onRetry={() => void found.refetch()} />;
  const isActive = device.status === "active";
  const button = (
    <Button isAriaDisabled={!isActive} onClick={() => setIsOpening(true)}>
      Open a tunnel
    </Button>
  );
  return (
    <>
      {found.data.length === 0 ? (
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
      ) : (
        <>
          {may && (
            <Toolbar>
              <ToolbarContent>
                <ToolbarItem>{button}</ToolbarItem>
              </ToolbarContent>
            </Toolbar>
          )}
          <WaysTable ways={found.data} />
        </>
      )}
      <p className="rciots-card-foot rciots-muted">
        From your own machine, with no port on the platform:{" "}
        <ClipboardCopy variant="inline-compact" isCode hoverTip="Copy" clickTip="Copied">
          {`npx rciots connect ${device.name} 22`}
        </ClipboardCopy>
      </p>
      {isOpening && <OpenTunnelModal deviceId={device.id} onClose={() => setIsOpening(false)} />}
    </>
  );
}
