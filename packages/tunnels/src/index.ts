export {
  createTunnelPorts,
  type WantedTunnel,
  type PortRange,
  type SyncedTunnel,
  type TunnelDevice,
  type TunnelPorts,
} from "./tunnel-ports.ts";
export { busUnreachable } from "./tunnel-sync.ts";
export { closedTunnelDetails, tunnelDetails } from "./tunnel-details.ts";
