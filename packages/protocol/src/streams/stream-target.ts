import { z } from "zod";
import { clusterRoles } from "./cluster-api.ts";

/** In a device's hello: it takes streams with `tcp` targets. */
export const tunnelCapability = "tunnels";

/** A TCP port of the device itself, or of a host that it reaches. */
export const tcpTarget = z.strictObject({
  kind: z.literal("tcp"),
  /** A name or an address, as the device resolves it; `0.0.0.0` and `::` mean the device itself. */
  host: z
    .string()
    .min(1)
    .max(253)
    .regex(/^[A-Za-z0-9:._-]+$/, "must be a host name or an IP address"),
  port: z.number().int().min(1).max(65_535),
});
export type TcpTarget = z.output<typeof tcpTarget>;

/** The API server of the device's cluster: HTTP/1.1 is spoken on the stream, one request or upgrade on each. */
export const clusterApiTarget = z.strictObject({
  kind: z.literal("cluster-api"),
  /** Under which the device asks; it refuses one above its own limit. */
  role: z.enum(clusterRoles),
  /** Who asks, for the cluster's own audit log. */
  account: z
    .string()
    .min(1)
    .max(200)
    .regex(/^[\x21-\x7e]+$/, "must be visible ASCII"),
});
export type ClusterApiTarget = z.output<typeof clusterApiTarget>;

/** What a stream leads to. */
export const streamTarget = z.discriminatedUnion("kind", [tcpTarget, clusterApiTarget]);
export type StreamTarget = z.output<typeof streamTarget>;
export type StreamTargetKind = StreamTarget["kind"];

/** What a device names in hello where it takes streams to such targets. */
export const streamCapabilities: Record<StreamTargetKind, string> = {
  tcp: tunnelCapability,
  "cluster-api": "cluster-api",
};

/** Codes that refuse or reset a stream; `docs/protocol.md` explains each. */
export const streamErrors = [
  "target_invalid",
  "target_unsupported",
  "target_not_allowed",
  "name_not_found",
  "connection_refused",
  "target_unreachable",
  "connect_timeout",
  "too_many_streams",
  "connection_reset",
  "flow_violation",
  "aborted",
  "closed",
  "session_ended",
  "internal_error",
] as const;
export type StreamErrorCode = (typeof streamErrors)[number];
