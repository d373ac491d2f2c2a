import type { ReactNode } from "react";
import { Link } from "react-router";
import { useCommandSettings } from "../../commands/command-queries.ts";
import { useMay, useSession } from "../../session/session.ts";
import { useRemoteAccess } from "../terminal/use-remote-access.ts";
import type { Device } from "../use-device.ts";

const silent = {
  tunnels: "The device allows no tunnels; whoever runs it sets that with --tunnel-allow.",
  commands: "The device takes no commands; whoever runs it sets that with RCIOTS_COMMANDS.",
  "cluster-api": "The device lets nobody at its cluster; whoever runs it sets that with --cluster-api.",
};

/** Why the device itself doesn't take it. One that has not said what it takes may. */
function deviceRefusal({ status, capabilities }: Device, capability: keyof typeof silent): string | null {
  if (status !== "active") return "Only an active device can be reached.";
  return capabilities === null || capabilities.includes(capability) ? null : silent[capability];
}

/** Why the person may not connect to the device; null: they may. */
export function useTunnelRefusal(device: Device): ReactNode {
  const may = useMay("operator");
  return may ? deviceRefusal(device, "tunnels") : "It takes the role operator.";
}

/** Why the person may not run commands on the device; null: they may. Undefined: it isn't known yet. */
export function useCommandRefusal(device: Device): ReactNode {
  const may = useMay("operator");
  const ofOrganization = useCommandSettings();
  const ofDevice = useCommandSettings(device.id);
  if (!may) return "It takes the role operator.";
  if (ofOrganization.data === undefined || ofDevice.data === undefined) return undefined;
  if (!ofOrganization.data.enabled) return "Commands are switched off in your organisation.";
  if (!ofDevice.data.enabled) return "Commands are switched off on this device.";
  return deviceRefusal(device, "commands");
}

function OrganizationRefusal(): ReactNode {
  const { account } = useSession();
  const isOwner = useMay("owner");
  return isOwner ? (
    <>
      Nobody of your role may use devices&apos; clusters yet. You can change that under{" "}
      <Link to="/settings/remote-access">Settings, Remote access</Link>.
    </>
  ) : (
    `Your organisation lets nobody with the role ${account.role ?? "none"} at devices' clusters. An owner can change that.`
  );
}

/** Why the person may not use kubectl on the device; null: they may. Undefined: it isn't known yet. */
export function useKubectlRefusal(device: Device): ReactNode {
  const access = useRemoteAccess();
  const { account } = useSession();
  if (access.data === undefined) return undefined;
  const as = account.role === null ? "none" : access.data.clusterApi[account.role];
  if (as === "none") return <OrganizationRefusal />;
  const refusal = deviceRefusal(device, "cluster-api");
  if (refusal !== null) return refusal;
  return location.protocol === "https:"
    ? null
    : "kubectl sends no token over http://; it needs the console at an https:// address.";
}
