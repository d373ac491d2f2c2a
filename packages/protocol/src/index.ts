export {
  askedTunnel,
  askedTunnelStates,
  tunnelRequestCapability,
  type AskedTunnel,
  type AskedTunnelAnswer,
} from "./asked-tunnels.ts";
export {
  commandEnvironment,
  commandOutcomes,
  commandPlace,
  commandProgram,
  commandSpec,
  interpreters,
  type CommandOutcome,
  type CommandPlace,
  type CommandProgram,
} from "./commands.ts";
export {
  caAnswer,
  enrollmentErrors,
  enrollRequest,
  identityAnswer,
  pendingAnswer,
  recoverRequest,
  type EnrollmentErrorCode,
  type EnrollRequest,
  type IdentityAnswer,
  type PendingAnswer,
  type RecoverRequest,
} from "./enrollment.ts";
export {
  ackEnvelope,
  callErrors,
  connectAuth,
  connectRefusal,
  desiredState,
  deviceCalls,
  isDeviceEvent,
  isPlatformEvent,
  objectHealths,
  objectStatus,
  platformCalls,
  revisionStates,
  sessionErrors,
  type Ack,
  type CallErrorCode,
  type ConnectAuth,
  type ConnectRefusal,
  type DesiredState,
  type DeviceEvent,
  type DeviceRequest,
  type DeviceResponse,
  type ObjectHealth,
  type ObjectsReport,
  type ObjectStatus,
  type PlatformEvent,
  type PlatformRequest,
  type PlatformResponse,
  type RevisionState,
  type SessionErrorCode,
  type StatusReport,
} from "./events.ts";
export {
  deviceNameField,
  digestField,
  factsField,
  idField,
  labelsField,
  messageField,
  type Facts,
} from "./fields.ts";
export { channelPath, limits, protocolVersions } from "./limits.ts";
export {
  diffChanges,
  diffItem,
  isRemoteEvent,
  podItem,
  remoteCalls,
  type DiffChange,
  type DiffItem,
  type PodItem,
  type RemoteEvent,
} from "./remote-calls.ts";
export { channelParser, malformedEvent, streamFrameEvent, type StreamFrameSink } from "./parser.ts";
export { type ByteStream, type StreamEvents } from "./streams/byte-stream.ts";
export {
  clusterRoles,
  clusterStatus,
  isForwardablePath,
  isClusterRoleWithin,
  requestHeaders,
  responseHeaders,
  upgradeHeaders,
  type ClusterRole,
} from "./streams/cluster-api.ts";
export { type DeviceStreams, type StreamDevice } from "./streams/device-streams.ts";
export { splitStreamData, type StreamDataSink } from "./streams/data-splitter.ts";
export { createFrameLink, createSocketLink, type FrameLink, type FrameSocket } from "./streams/frame-link.ts";
export {
  createMultiplexer,
  faultError,
  streamLimits,
  type AcceptStream,
  type Multiplexer,
  type MultiplexerOptions,
  type StreamLimits,
} from "./streams/multiplexer.ts";
export { createReadPool, createReader, type ReadPool } from "./streams/read-pool.ts";
export { resetSocket } from "./streams/reset-socket.ts";
export { joinSocket, type SocketEdge } from "./streams/socket-edge.ts";
export { splice } from "./streams/splice.ts";
export { createStreamDuplex } from "./streams/stream-duplex.ts";
export { streamStatus } from "./streams/stream-status.ts";
export { frameHeaderBytes, frameKinds, type StreamFault } from "./streams/stream-frame.ts";
export {
  createTerminalReader,
  offsetBody,
  readOffset,
  terminalFrame,
  terminalFrameBytes,
  terminalFrames,
  terminalWindowBytes,
} from "./streams/terminal-frames.ts";
export {
  clusterApiTarget,
  podLogsTarget,
  terminalTarget,
  streamCapabilities,
  streamErrors,
  streamTarget,
  tcpTarget,
  tunnelCapability,
  type ClusterApiTarget,
  type PodLogsTarget,
  type TerminalTarget,
  type StreamErrorCode,
  type StreamTarget,
  type StreamTargetKind,
  type TcpTarget,
} from "./streams/stream-target.ts";
