export {
  createAgent,
  type Agent,
  type AgentOptions,
  type AgentOutcome,
  type AgentPhase,
  type AgentStatus,
} from "./agent.ts";
export { parseProxy, type Proxy, type ProxyChoice } from "@rciots/runtime";
export type { SessionEnd } from "./channel/session-fault.ts";
export { parseFingerprint, type Trust } from "./channel/trust.ts";
export { parseCommandRules, type CommandRules } from "./command/command-rules.ts";
export type { CommandOptions } from "./command/commands.ts";
export { readHostFacts } from "./facts/host-facts.ts";
export { createCertificateRequest, createDeviceKey } from "./identity/certificate-request.ts";
export { createFileIdentityStore } from "./identity/file.identity-store.ts";
export {
  createMemoryIdentityStore,
  type DeviceIdentity,
  type IdentityDocument,
  type IdentityStore,
} from "./identity/identity.store.ts";
export { callEnroll } from "./identity/platform-calls.ts";
export { createPlatformClient, type PlatformClient } from "./identity/platform.client.ts";
export { createPlatformClock, type PlatformClock } from "./identity/platform-clock.ts";
export type { Cluster } from "./kube/cluster.ts";
export { createFileStateStore, createMemoryStateStore, type StateStore } from "./reconcile/state-store.ts";
export { parseAllowList, type AllowList } from "./tunnel/allow-list.ts";
export { parseTunnelRequests } from "./tunnel/tunnel-request.ts";
export type { TunnelRequestStatus } from "./tunnel/tunnel-requests.ts";
export type { FoundCluster } from "./workloads.ts";
