export type * from "./models.ts";
export { platformActor } from "./platform-actor.ts";
export { isDuplicateKey, type LeaseWords } from "./repositories/leases.repository.ts";
export type { EventFilter, EventQuery, NewEvent } from "./repositories/events.repository.ts";
export type { OrganizationCounts, OrganizationFilter } from "./repositories/organizations.repository.ts";
export type { UserFilter } from "./repositories/user-directory.repository.ts";
export { measureStore } from "./measure-store.ts";
export { createStore, type Store } from "./store.ts";
export {
  connectionLogIntervalMs,
  createConnectionLog,
  type ConnectionLog,
  type ConnectionNote,
  type SeenConnection,
} from "./connection-log/connection-log.ts";
export type { AskedConnection } from "./connection-log/connection-events.ts";
export type { RevisionAdvance } from "./repositories/device-revisions.repository.ts";
export type {
  DeviceChange,
  DeviceFilter,
  DeviceHead,
  DevicePage,
  FleetCount,
  LabelCondition,
  TemplateUsage,
} from "./repositories/devices.repository.ts";
export type {
  CommandEndWrite,
  CommandOutputWrite,
  ReportedExecution,
} from "./repositories/command-reports.repository.ts";
export type {
  ExecutionChange,
  ExecutionFilter,
  RunChange,
  RunFilter,
} from "./repositories/command-runs.repository.ts";
export type { ScriptChange } from "./repositories/scripts.repository.ts";
export type { WebTunnelChange } from "./repositories/web-tunnels.repository.ts";
export type { NewTunnel, TunnelChange, TunnelReport } from "./repositories/tunnels.repository.ts";
export type { TemplateChange, TemplateName } from "./repositories/templates.repository.ts";
export { authorityNumber } from "./repositories/authorities.repository.ts";
export type {
  DeviceName,
  InsertOutcome,
  IssuedToDevice,
} from "./repositories/device-enrollment.repository.ts";
export type {
  NewProvisioningToken,
  OpenClaim,
  ProvisioningTokenChanges,
  TokenClaim,
} from "./repositories/provisioning-tokens.repository.ts";
export type { FleetSamplePoint } from "./repositories/fleet-samples.repository.ts";
export type { TemplateHead } from "./repositories/content.repository.ts";
export type {
  FactsWrite,
  HeldDevice,
  ObjectsWrite,
  ObservedWrite,
  PublicAuthority,
  RevisionState as StoredRevisionState,
  RevisionWrite,
  SessionOpening,
  SessionRef,
  SessionRestore,
  Standing,
} from "./repositories/device-sessions.repository.ts";
export { newDevice } from "./new-device.ts";
