import { Button, ClipboardCopy, Label } from "@patternfly/react-core";
import { ExternalLinkAltIcon } from "@patternfly/react-icons/dist/esm/icons/external-link-alt-icon";
import { ActionsColumn, Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useState, type ReactNode } from "react";
import { Link } from "react-router";
import { ConfirmModal } from "../components/confirm-modal.tsx";
import { TimeAgo } from "../components/time-ago.tsx";
import { useMay } from "../session/session.ts";
import { NetworksModal } from "./networks-modal.tsx";
import { useCheckTarget, useCloseWay, type Tunnel, type Way } from "./tunnel-queries.ts";
import { commandOf, isAskedByDevice, placeOf, trafficOf } from "./tunnel-words.ts";

const colors = { open: "green", opening: "blue", waiting: "grey", failed: "red" } as const;
const words = { open: "Open", opening: "Opening", waiting: "Device away", failed: "Failed" };

function StateOf({ way }: { way: Way }): ReactNode {
  const state = way.kind === "port" ? way.tunnel.state : way.tunnel.online ? "open" : "waiting";
  const message = way.kind === "port" ? way.tunnel.message : null;
  return (
    <>
      <Label color={colors[state]}>{words[state]}</Label>
      {message !== null && <div className="rciots-muted">{message}</div>}
    </>
  );
}

function WayIn({ way }: { way: Way }): ReactNode {
  if (way.kind === "web") {
    const { url } = way.tunnel;
    if (!/^https?:\/\//.test(url)) return <span className="rciots-muted">no proxy domain is set</span>;
    return (
      <Button
        variant="link"
        isInline
        component="a"
        href={url}
        target="_blank"
        rel="noopener noreferrer"
        icon={<ExternalLinkAltIcon />}
        iconPosition="end"
      >
        Open in the browser
      </Button>
    );
  }
  return (
    <ClipboardCopy variant="inline-compact" isCode hoverTip="Copy" clickTip="Copied">
      {commandOf(way.tunnel, location.hostname)}
    </ClipboardCopy>
  );
}

function CloseWay({ way, onClose }: { way: Way; onClose: () => void }): ReactNode {
  const close = useCloseWay(onClose);
  const live = way.kind === "port" ? way.tunnel.usage.liveConnections : 0;
  return (
    <ConfirmModal
      title={`Close the tunnel to ${placeOf(way.tunnel.target)}?`}
      confirmLabel="Close"
      isDanger
      isPending={close.isPending}
      error={close.error}
      onConfirm={() => close.mutate(way)}
      onClose={onClose}
    >
      {live > 0
        ? `${live === 1 ? "One connection is" : `${live} connections are`} open through it and will be cut.`
        : "Whoever uses it is cut. Another one can be opened at any time."}
      {isAskedByDevice(way) &&
        " The device asked for it, and asks again when it connects anew. Whether devices may ask is set under remote access."}
    </ConfirmModal>
  );
}

interface WaysTableProps {
  ways: readonly Way[];
  /** Undefined: all are of one device. */
  names?: ReadonlyMap<string, string>;
}

/** Tunnels with how to use them, how they stand and what went through. */
export function WaysTable({ ways, names }: WaysTableProps): ReactNode {
  const may = useMay("operator");
  const check = useCheckTarget();
  const [closing, setClosing] = useState<Way | null>(null);
  const [changing, setChanging] = useState<Tunnel | null>(null);
  const actionsOf = (way: Way) => [
    {
      title: "Check the target",
      onClick: () => check.mutate({ deviceId: way.tunnel.deviceId, target: way.tunnel.target }),
    },
    ...(way.kind === "port"
      ? [
          {
            title: "Change who may connect",
            ...(isAskedByDevice(way)
              ? { isAriaDisabled: true, description: "Set under remote access for all that devices ask for" }
              : { onClick: () => setChanging(way.tunnel) }),
          },
        ]
      : []),
    { isSeparator: true },
    { title: "Close", isDanger: true, onClick: () => setClosing(way) },
  ];
  return (
    <>
      <Table aria-label="Tunnels" variant="compact">
        <Thead>
          <Tr>
            <Th>Leads to</Th>
            {names !== undefined && <Th>Device</Th>}
            <Th>How to use it</Th>
            <Th>State</Th>
            <Th>Through it</Th>
            <Th modifier="nowrap">Last used</Th>
            {may && <Th screenReaderText="Actions" />}
          </Tr>
        </Thead>
        <Tbody>
          {ways.map((way) => {
            const { id, deviceId, name, target, usage } = way.tunnel;
            return (
              <Tr key={id}>
                <Td dataLabel="Leads to" modifier="breakWord">
                  <code>{placeOf(target)}</code>
                  {name !== "" && <div className="rciots-muted">{name}</div>}
                  {isAskedByDevice(way) && <div className="rciots-muted">Asked for by the device</div>}
                </Td>
                {names !== undefined && (
                  <Td dataLabel="Device" modifier="breakWord">
                    <Link to={`/devices/${deviceId}/tunnels`}>{names.get(deviceId) ?? "A device"}</Link>
                  </Td>
                )}
                <Td dataLabel="How to use it">
                  <WayIn way={way} />
                </Td>
                <Td dataLabel="State">
                  <StateOf way={way} />
                </Td>
                <Td dataLabel="Through it">
                  {"connections" in usage
                    ? `${usage.liveConnections} open, ${usage.connections} in all`
                    : `${usage.requests} requests`}
                  <div className="rciots-muted">{trafficOf(way)}</div>
                </Td>
                <Td dataLabel="Last used">
                  <TimeAgo at={usage.lastUsedAt} />
                </Td>
                {may && (
                  <Td isActionCell>
                    <ActionsColumn items={actionsOf(way)} />
                  </Td>
                )}
              </Tr>
            );
          })}
        </Tbody>
      </Table>
      {closing !== null && <CloseWay way={closing} onClose={() => setClosing(null)} />}
      {changing !== null && <NetworksModal tunnel={changing} onClose={() => setChanging(null)} />}
    </>
  );
}
