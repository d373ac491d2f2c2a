import type { NewTunnel, Tunnel } from "@rciots/store";

/** What events tell of a tunnel. */
export const tunnelDetails = ({ _id, name, port, target, allowFrom }: NewTunnel) => ({
  tunnelId: _id,
  name,
  port,
  target,
  allowFrom,
});

/** And of one that is no more. */
export function closedTunnelDetails(tunnel: Tunnel) {
  const { connections, sentBytes, receivedBytes } = tunnel.usage;
  return { ...tunnelDetails(tunnel), connections, sentBytes, receivedBytes };
}
