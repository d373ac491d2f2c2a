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

const cells = z.number().int().min(1).max(1_000);
/** As Kubernetes names things: in a path they need no more than this. */
const kubeName = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, "must be a name as Kubernetes has them");

/** A container; absent: the Pod's default one. */
const podFields = { namespace: kubeName, name: kubeName, container: kubeName.optional() };

/** A shell with a terminal; the frames of `terminalFrames` go over the stream. */
export const terminalTarget = z.strictObject({
  kind: z.literal("terminal"),
  /** Chosen by the platform; asked for again after a gap. */
  session: z.string().regex(/^[A-Za-z0-9_-]{20,64}$/),
  /** Who opened it, and who alone gets it back. */
  owner: z.string().min(1).max(64),
  /** So much of its output is on the screen already; absent: a new one. */
  shown: z.number().int().min(0).optional(),
  columns: cells,
  rows: cells,
  /** Where a new one runs; absent: on the device itself. */
  pod: z.strictObject(podFields).optional(),
});
export type TerminalTarget = z.output<typeof terminalTarget>;

/** What a container printed, as lines of text; the stream ends where that does. */
export const podLogsTarget = z.strictObject({
  kind: z.literal("pod-logs"),
  pod: z.strictObject(podFields),
  /** And goes on with what it prints from now on. */
  follow: z.boolean(),
  /** Of the container before the last restart. */
  previous: z.boolean(),
  /** Each line begins with the time it was printed at (RFC 3339). */
  timestamps: z.boolean(),
  tailLines: z.number().int().min(0).max(100_000).optional(),
  sinceSeconds: z.number().int().min(1).max(31_536_000).optional(),
  /** Only lines that hold this text, in any case. */
  contains: z.string().min(1).max(200).optional(),
});
export type PodLogsTarget = z.output<typeof podLogsTarget>;

/** What a stream leads to. */
export const streamTarget = z.discriminatedUnion("kind", [
  tcpTarget,
  clusterApiTarget,
  terminalTarget,
  podLogsTarget,
]);
export type StreamTarget = z.output<typeof streamTarget>;
export type StreamTargetKind = StreamTarget["kind"];

/** What a device names in hello where it takes streams to such targets. */
export const streamCapabilities: Record<StreamTargetKind, string> = {
  tcp: tunnelCapability,
  "cluster-api": "cluster-api",
  terminal: "terminal",
  "pod-logs": "pod-logs",
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
  "terminal_gone",
  "flow_violation",
  "aborted",
  "closed",
  "session_ended",
  "internal_error",
] as const;
export type StreamErrorCode = (typeof streamErrors)[number];
