import { plainAddress } from "@rciots/runtime";
import type { AskedConnection, Tunnel } from "@rciots/store";

/** A connection to a listening port, for the audit log. Of who opens it no more is known than the address. */
export function tunnelConnection(
  { _id, organizationId, deviceId, port, target, name }: Tunnel,
  peer: string,
): AskedConnection {
  const address = plainAddress(peer);
  return {
    organizationId,
    deviceId,
    actor: { kind: "address", id: address, name: address },
    address,
    target,
    way: { id: _id, name: `the tunnel on port ${port}` },
    details: { tunnelId: _id, port, ...(name === "" ? {} : { name }) },
  };
}
