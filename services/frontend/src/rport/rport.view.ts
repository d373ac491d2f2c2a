import { isIP } from "node:net";
import type { Device, Tunnel } from "@rciots/store";
import { z } from "zod";

/* The shapes of rport 0.1, field for field: programs that were written for it go on working. */

export const rportTunnelSchema = z
  .object({
    lhost: z.string().describe("Where the platform listens."),
    lport: z.string(),
    rhost: z.string().describe("As the device resolves it; `0.0.0.0` is the device itself."),
    rport: z.string(),
    id: z.string(),
  })
  .meta({ id: "RportTunnel" });

export const rportSessionSchema = z
  .object({
    id: z.string().describe("Of the device."),
    name: z.string(),
    os: z.string(),
    hostname: z.string(),
    ipv4: z.array(z.string()),
    ipv6: z.array(z.string()),
    tags: z.array(z.string()).describe("The device's labels, as `key=value`."),
    version: z.string().describe("Of the agent."),
    address: z.string().describe("Where the device's connection comes from."),
    tunnels: z.array(rportTunnelSchema),
  })
  .meta({ id: "RportSession" });

export function viewRportTunnel(
  { _id, listenHost, port, target }: Pick<Tunnel, "_id" | "listenHost" | "port" | "target">,
  defaultHost: string,
): z.input<typeof rportTunnelSchema> {
  return {
    lhost: listenHost ?? defaultHost,
    lport: String(port),
    rhost: target.host,
    rport: String(target.port),
    id: _id,
  };
}

export function viewRportSession(
  device: Pick<Device, "_id" | "name" | "facts" | "labels" | "presence">,
  tunnels: readonly Tunnel[],
  defaultHost: string,
): z.input<typeof rportSessionSchema> {
  const { hostname = "", os = "", kernel, architecture, addresses = [], agentVersion = "" } = device.facts;
  // An address may come with the length of its network.
  const plain = addresses.map((address) => address.split("/")[0] ?? "");
  return {
    id: device._id,
    name: device.name,
    os: [os, hostname, kernel, architecture].filter((part) => part !== undefined && part !== "").join(" "),
    hostname,
    ipv4: plain.filter((address) => isIP(address) === 4),
    ipv6: plain.filter((address) => isIP(address.split("%")[0] ?? "") === 6),
    tags: Object.entries(device.labels).map(([key, value]) => (value === "" ? key : `${key}=${value}`)),
    version: agentVersion,
    address: device.presence.address ?? "",
    tunnels: tunnels.map((tunnel) => viewRportTunnel(tunnel, defaultHost)),
  };
}
