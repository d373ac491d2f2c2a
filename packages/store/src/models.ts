import { Schema, type Connection } from "mongoose";
import type {
  CommandPlace,
  CommandProgram,
  DesiredState,
  Facts,
  ObjectStatus,
  RevisionState,
  StatusReport,
} from "@rciots/protocol";

/*
 * The documents of the product. All identifiers are `newId` strings, all times are Dates, every document that
 * belongs to a tenant carries `organizationId` first, and every index that serves a tenant's query begins with it.
 */

/** Bytes sealed by the vault (AES-256-GCM), as text. */
export type Sealed = string;

export interface Organization {
  _id: string;
  name: string;
  status: "active" | "suspended";
  /** The organisation's data key, wrapped by the platform's master key. */
  dataKey: Sealed;
  /** Absent or null: it can be worked with from everywhere. */
  allowLists?: AllowLists | null;
  /** Absent or null: nobody gets at what is on devices. */
  remoteAccess?: RemoteAccess | null;
  createdAt: Date;
}

/** Addresses and networks from which an organisation can be worked with; an empty list allows all. */
/** What its people may do on devices, where these allow it too. */
export interface RemoteAccess {
  /** As what each role is taken by a device's cluster; `none`: not at all. */
  clusterApi: Record<Role, ClusterAccess>;
  /** The least role that opens terminals; null: nobody does. Absent from what was stored before there were any. */
  terminal?: Role | null;
  /**
   * Networks that may connect to tunnels that devices ask for; null: devices may ask for none. Absent from what was
   * stored before they could.
   */
  deviceTunnels?: { allowFrom: string[] } | null;
  /** Grows with each change. */
  version: number;
}
export type ClusterAccess = "none" | "view" | "edit" | "admin" | "cluster-admin";
export interface AllowLists {
  /** For API tokens. */
  apiTokens: string[];
  /** For sessions of people. */
  console: string[];
  /** Grows with each change. */
  version: number;
}

export type Role = "owner" | "admin" | "operator" | "viewer";

export interface User {
  _id: string;
  email: string;
  username: string;
  /** argon2id. */
  passwordHash: string;
  isPlatformAdmin: boolean;
  status: "active" | "disabled";
  memberships: { organizationId: string; role: Role }[];
  /** Absent or null: the password alone signs in. */
  secondFactor?: SecondFactor | null;
  /** Networks the person signed in from, the latest last; absent before the first time. */
  signInNetworks?: string[];
  createdAt: Date;
}

/** Time-based codes (RFC 6238). */
export interface SecondFactor {
  /** The shared secret, sealed by the platform's master key and bound to the user. */
  sealedSecret: Sealed;
  /** Null: begun, not proven by a code yet, and so not asked for. */
  confirmedAt: Date | null;
  /** Time step of the last code that was taken: neither it nor an older one is taken again. */
  lastStep: number;
  /** Each is good once. */
  recoveryCodeHashes: string[];
}

/** A log-in of a person; `_id` is the hash of the bearer value. Older ones lack what is optional. */
export interface Session {
  _id: string;
  userId: string;
  createdAt: Date;
  expiresAt: Date;
  /** To the minute. */
  lastUsedAt?: Date;
  /** Where it was opened from. */
  address?: string;
  userAgent?: string;
}

/** Somebody who wants an account and has not shown yet that the e-mail address is theirs. */
export interface SignUp {
  /** Of the user to be. */
  _id: string;
  /** Of the token in the link. */
  tokenHash: string;
  email: string;
  username: string;
  passwordHash: string;
  /** Made with the account, and the person its owner. */
  organization: { id: string; name: string } | null;
  createdAt: Date;
  expiresAt: Date;
}

/** A link that is good once; `_id` is the hash of its token. */
export interface AccountLink {
  _id: string;
  userId: string;
  purpose: "reset-password" | "change-email";
  /** Of a reset: the person's address as it was. Of a change: the new one, where the link was sent to. */
  email: string;
  createdAt: Date;
  expiresAt: Date;
}

export interface ApiToken {
  _id: string;
  organizationId: string;
  userId: string;
  name: string;
  hash: string;
  scopes: string[];
  expiresAt: Date | null;
  lastUsedAt: Date | null;
  createdAt: Date;
}

/** An offer to join an organisation, to the person of one e-mail address; gone once it is accepted. */
export interface Invitation {
  _id: string;
  organizationId: string;
  /** In lower case; one invitation of an organisation for each. */
  email: string;
  role: Role;
  /** Hash of the one-time token in the link. */
  tokenHash: string;
  invitedBy: { id: string; name: string };
  /** When the link was last sent by mail; null where it was only handed over. */
  sentAt: Date | null;
  /** While somebody is accepting it, nobody else can; a claim that was not finished lapses then. */
  claimedUntil: Date | null;
  createdAt: Date;
  expiresAt: Date;
}

export interface ProvisioningToken {
  _id: string;
  organizationId: string;
  name: string;
  hash: string;
  /** The first characters of the token, to recognise it by. */
  hint: string;
  approval: "automatic" | "manual";
  enabled: boolean;
  maxDevices: number | null;
  /** Devices that were enrolled with it; claimed atomically against `maxDevices`. */
  usedCount: number;
  /** Uses that were counted and whose device is not stored yet, by request; enrolment's own bookkeeping. */
  claims?: Record<string, { deviceId: string; at: Date }>;
  expiresAt: Date | null;
  /** Given to each device that enrols with it. */
  labels: Record<string, string>;
  /** Assigned to each device that enrols with it. */
  templateIds: string[];
  createdBy: string;
  createdAt: Date;
  version: number;
}

export type DeviceStatus = "pending" | "active" | "denied" | "disabled" | "decommissioned";

/** A template as a device runs it: the newest version, or a pinned one. */
export interface Assignment {
  templateId: string;
  /** Null follows the template's current version. */
  pinnedVersionId: string | null;
}

export interface Presence {
  online: boolean;
  /** Which connector holds the session. */
  connectorId: string | null;
  sessionId: string | null;
  /** Grows by one with each session; the highest wins. */
  epoch: number;
  /** When `online` last changed. */
  since: Date | null;
  lastSeenAt: Date | null;
  address: string | null;
}

/** What the device was last told to run. */
export interface Desired {
  revision: number;
  digest: string | null;
  /** Hash of everything the digest was computed from; unchanged inputs need no new rendering. */
  inputsHash: string | null;
  /** As the device is told it. */
  wire: DesiredState;
  /** Why the device's content can't be computed now, such as a variable without a value. */
  error: string | null;
  updatedAt: Date | null;
}

/** What the device last said. */
export interface Observed {
  revision: number;
  digest: string | null;
  state: RevisionState | null;
  message: string | null;
  counts: StatusReport["counts"];
  objectCount: number;
  runningRevision: number | null;
  startedAt: Date | null;
  finishedAt: Date | null;
  reportedAt: Date | null;
}

export interface Device {
  _id: string;
  organizationId: string;
  name: string;
  status: DeviceStatus;
  labels: Record<string, string>;
  variables: Record<string, string>;
  facts: Facts;
  /** What its agent takes when it is asked, as it said when it last connected; absent: it has not said yet. */
  capabilities?: string[];
  /** Hash of the device token. */
  tokenHash: string;
  /** SHA-256 of the public key it enrolled with: makes enrolment repeatable. */
  publicKeyHash: string;
  provisioningTokenId: string | null;
  assignments: Assignment[];
  /** Overlay files on top of the templates; content in `blobs`. */
  overlay: { blobId: string; root: string } | null;
  /** Rendered overlay composition that is in force. */
  composition: { inputsHash: string; renderedBlobId: string | null; error: string | null } | null;
  /** Set by a rollback: the content of this revision is in force until an operator assigns something. */
  pinnedRevision: number | null;
  /** Not healthy this long after it was first applied: roll back. */
  deadlineMs: number;
  desired: Desired;
  observed: Observed;
  presence: Presence;
  certificate: { serial: string; issuerId: string; notAfter: Date } | null;
  approvedAt: Date | null;
  /**
   * The operator's wish at decommissioning; the device is told of it when it is, or next comes, online.
   * Absent or null for every other device.
   */
  decommission?: { wipeWorkloads: boolean; requestedAt: Date } | null;
  createdAt: Date;
  /** Grows with each change an operator makes: the ETag. */
  version: number;
}

/** One content a device was told to run, and how it went. */
export interface DeviceRevision {
  /** `<deviceId>:<revision>`. */
  _id: string;
  organizationId: string;
  deviceId: string;
  revision: number;
  digest: string;
  inputsHash: string;
  /** What it was made of, so that it can be made again. Secrets take their value of the day. */
  inputs: {
    sources: { templateId: string; versionId: string }[];
    overlayBlobId: string | null;
    renderedBlobId: string | null;
    variables: Record<string, string>;
  };
  objectCount: number;
  sizeBytes: number;
  state: RevisionState;
  message: string | null;
  /** `rollback`: an operator went back to an older revision; `change`: anything else. */
  reason: "change" | "rollback";
  createdAt: Date;
  finishedAt: Date | null;
}

/** A page of the objects a device last reported. */
export interface DeviceObjects {
  /** `<deviceId>:<page>`. */
  _id: string;
  organizationId: string;
  deviceId: string;
  revision: number;
  page: number;
  pages: number;
  objects: ObjectStatus[];
}

export interface Certificate {
  /** Serial number in hex. */
  _id: string;
  organizationId: string;
  deviceId: string;
  issuerId: string;
  notBefore: Date;
  notAfter: Date;
  revokedAt: Date | null;
  reason: string | null;
}

/** A certificate authority; `organizationId` is null for the root and for the issuer of server certificates. */
export interface Authority {
  _id: string;
  organizationId: string | null;
  kind: "root" | "server" | "organization";
  status: "issuing" | "accepted" | "retired";
  certificatePem: string;
  sealedKey: Sealed;
  notAfter: Date;
  crlNumber: number;
  /** Set by an operator; enrolment then makes a new issuing intermediate and keeps this one accepted. */
  rotationRequestedAt: Date | null;
  createdAt: Date;
}

export type TemplateSource =
  | { kind: "inline" }
  | {
      kind: "git";
      url: string;
      ref: string;
      path: string;
      credentialId: string | null;
      pollIntervalMs: number;
    };

export interface Template {
  _id: string;
  organizationId: string;
  name: string;
  description: string;
  source: TemplateSource;
  /** Folder of the kustomization within the files; empty for the top. */
  root: string;
  currentVersionId: string | null;
  versionCount: number;
  /** Of a Git source. */
  sync: {
    status: "never" | "ok" | "failed";
    message: string | null;
    commit: string | null;
    checkedAt: Date | null;
    nextAt: Date | null;
  };
  createdAt: Date;
  updatedAt: Date;
  version: number;
}

/** Immutable. */
export interface TemplateVersion {
  _id: string;
  organizationId: string;
  templateId: string;
  number: number;
  /** SHA-256 of the files. */
  contentHash: string;
  filesBlobId: string;
  root: string;
  /** What kustomize made of it. */
  renderedBlobId: string;
  objectCount: number;
  variables: string[];
  secrets: string[];
  commit: { id: string; subject: string; author: string; committedAt: Date } | null;
  createdBy: string;
  createdAt: Date;
}

export interface GitCredential {
  _id: string;
  organizationId: string;
  name: string;
  kind: "basic" | "ssh";
  /** JSON of the credential, sealed with the organisation's data key. */
  sealed: Sealed;
  createdAt: Date;
}

export interface Secret {
  _id: string;
  organizationId: string;
  name: string;
  sealed: Sealed;
  /** Grows with each new value; part of what a device's content is computed from. */
  version: number;
  createdAt: Date;
  updatedAt: Date;
}

/** Content by its hash, in pieces that fit a document. */
export interface Blob {
  /** `<organizationId>/<sha256>`. */
  _id: string;
  organizationId: string;
  sizeBytes: number;
  chunkCount: number;
  createdAt: Date;
}

export interface BlobChunk {
  /** `<blobId>/<index>`. */
  _id: string;
  data: Buffer;
}

/** Something that happened, for operators; an audit record where `actor` is a person or a token. */
export interface Event {
  _id: string;
  organizationId: string;
  deviceId: string | null;
  /** `noun.verb`, such as `device.enrolled`. */
  kind: string;
  severity: "info" | "warning" | "error";
  actor: {
    /** `address`: somebody of whom no more is known. */
    kind: "user" | "api-token" | "device" | "platform" | "provisioning-token" | "address";
    id: string;
    name: string;
  };
  message: string;
  details: Record<string, unknown>;
  /** The network address it came from. */
  address: string | null;
  at: Date;
}

/** How an organisation's active devices were at a moment, for the curves of the overview. */
export interface FleetSample {
  /** `<organizationId>/<time in ms>`, of the start of the interval: one for each, whoever writes it. */
  _id: string;
  organizationId: string;
  at: Date;
  total: number;
  online: number;
  healthy: number;
}

/** Who does singleton work, and until when. */
export interface Lease {
  _id: string;
  holder: string;
  expiresAt: Date;
  /** `host:port` where other processes reach the holder; null where they don't. */
  address: string | null;
  /** What a connector says of itself; null of other holders, absent from leases of before. */
  load?: ConnectorLoad | null;
}

/** How much a connector has to do, as it was when it last renewed its lease. */
export interface ConnectorLoad {
  sessions: number;
  /** `unready`: it takes no sessions yet, or can't; `overloaded`: none that could go elsewhere. */
  state: "ready" | "unready" | "overloaded" | "draining";
}

/** Platform-wide values such as the check of the master key and the shared TLS ticket keys. */
export interface PlatformValue {
  _id: string;
  value: string;
  updatedAt: Date;
}

/** A certificate that another process asks enrolment for. What is to be signed lies here: the bus only names it. */
export interface SigningRequest {
  _id: string;
  kind: "device" | "server";
  /** PEM. */
  csr: string;
  /** Of a device. */
  organizationId: string | null;
  deviceId: string | null;
  /** DNS names and addresses of a server. */
  names: string[];
  createdAt: Date;
}

/** A listening port of the platform that leads to a TCP port which a device reaches. */
export interface Tunnel {
  _id: string;
  organizationId: string;
  deviceId: string;
  /** Free text of whoever asked for it. */
  name: string;
  target: { host: string; port: number };
  /** Where the platform listens; null: where it is set up to. */
  listenHost: string | null;
  /** Of the platform's range; no two tunnels have the same, so that a tunnel comes back on it. */
  port: number;
  /** Networks that may connect, in CIDR notation. */
  allowFrom: string[];
  /** What is spoken, such as `ssh` or `http`; for people and programs that show the tunnel. */
  protocol: string | null;
  maxConnections: number;
  /** Closed when nothing was sent for so long; null: never. */
  idleTimeoutMs: number | null;
  /** Closed at this time; null: never. */
  closesAt: Date | null;
  /** Of all connectors together, as is `message`; made of what they say when it is read. */
  state: TunnelState;
  /** Why it failed. */
  message: string | null;
  /** What each connector that lives says of it, by its id. */
  reports: Record<string, TunnelListening>;
  /** Over all its life and all connectors, as of the last few seconds. */
  usage: TunnelUsage;
  /** By the device itself, which may take it back; absent: by a person. */
  requestedBy?: "device";
  /** A person, or the device. */
  createdBy: string;
  createdAt: Date;
  version: number;
}

/** Where a tunnel stands at one connector. */
export interface TunnelListening {
  /** `standby`: it doesn't listen, and takes the port over once that is free. */
  state: "open" | "standby" | "failed";
  /** Why it failed. */
  message: string | null;
  /** Host name of the machine, whose ports all its processes share. */
  machine: string;
  liveConnections: number;
}

/** A web server that a device reaches, at a name of its own below the platform's proxy domain. */
export interface WebTunnel {
  _id: string;
  organizationId: string;
  deviceId: string;
  name: string;
  /** First label of its host name; nobody else has it, now or later. */
  label: string;
  target: { host: string; port: number };
  scheme: "http" | "https";
  /** Whether the server is asked by its own name, or by the one that the browser asks for. */
  hostHeader: "target" | "browser";
  /** SHA-256 of the certificate that an https server must show; null: any. */
  certificateFingerprint: string | null;
  /** Gone at this time; null: never. */
  closesAt: Date | null;
  usage: { requests: number; sentBytes: number; receivedBytes: number; lastUsedAt: Date | null };
  createdBy: string;
  createdAt: Date;
  version: number;
}

/** Lets one browser at one web tunnel: a code that it hands over once, and the cookie that it gets for that. */
export interface WebPass {
  /** Hash of what the browser shows. */
  _id: string;
  kind: "code" | "cookie";
  webTunnelId: string;
  organizationId: string;
  /** The session of the console that stands behind it; when that ends, so does this. */
  sessionHash: string;
  /** Of a code: hash of what the browser was given when it asked, and where it wanted to go. */
  stateHash: string | null;
  path: string;
  expiresAt: Date;
}

/** `waiting`: the device is away. `failed`: the platform can't listen; it tries again. */
export type TunnelState = "opening" | "open" | "waiting" | "failed";

export interface TunnelUsage {
  connections: number;
  liveConnections: number;
  /** Towards the device, and from it. */
  sentBytes: number;
  receivedBytes: number;
  lastUsedAt: Date | null;
}

/** Something that is run on devices, once on each. */
export interface CommandRun {
  _id: string;
  organizationId: string;
  /** For people: the script's name, or what runs. */
  title: string;
  /** The saved script it was made of, as that was then. */
  scriptId: string | null;
  place: CommandPlace;
  program: CommandProgram;
  workingDirectory: string | null;
  /** Names of the variables and whether there is standard input; the values are sealed. */
  environmentNames: string[];
  hasInput: boolean;
  /** JSON `{environment, input}`, sealed with the organisation's data key. */
  sealedInput: Sealed;
  timeoutMs: number;
  graceMs: number;
  /** Which devices were asked for; which those were is in the executions. */
  target: { deviceIds: string[] } | { selector: Record<string, unknown> };
  /** Devices it runs on at once. */
  concurrency: number;
  stopOnFailure: boolean;
  /** Until when it waits for devices that are offline; null: it leaves them out. */
  waitUntil: Date | null;
  /** `preparing`: the executions are being stored. */
  state: "preparing" | "running" | "finished";
  /** Why what has not begun is not begun any more. */
  stopped: { reason: "canceled" | "failure" | "interrupted"; by: string | null; at: Date } | null;
  deviceCount: number;
  /** Executions by state, once it has finished. */
  counts: Partial<Record<ExecutionState, number>> | null;
  createdBy: { id: string; name: string };
  createdAt: Date;
  finishedAt: Date | null;
  expiresAt: Date;
}

export type ExecutionState =
  /** Not begun yet. */
  | "pending"
  /** The device was asked; whether it began is not known yet. */
  | "starting"
  | "running"
  | "succeeded"
  /** It ended with another code than 0 or by a signal, or could not be run. */
  | "failed"
  | "timed_out"
  | "canceled"
  /** By the device's own rules, its agent, or a switch. */
  | "refused"
  /** Left out, because the device was offline. */
  | "offline"
  /** The device did not come back in time. */
  | "expired"
  /** Not begun, because another one failed. */
  | "skipped"
  /** It may have run; how it ended is not known. */
  | "lost";

/** A command on one device. */
export interface CommandExecution {
  _id: string;
  organizationId: string;
  runId: string;
  /** Of the run, as is who began it. */
  title: string;
  createdBy: CommandRun["createdBy"];
  deviceId: string;
  /** As it was then. */
  deviceName: string;
  state: ExecutionState;
  message: string | null;
  exitCode: number | null;
  signal: string | null;
  /** When the device was first asked; null: it was never. */
  attemptedAt: Date | null;
  /** Not looked at before. */
  nextAt: Date;
  /** Given up when nothing was heard until then. */
  deadlineAt: Date | null;
  cancelAt: Date | null;
  startedAt: Date | null;
  finishedAt: Date | null;
  /** What it wrote, what was left out included. */
  outputBytes: number;
  createdAt: Date;
  expiresAt: Date;
}

export interface OutputPiece {
  stream: "stdout" | "stderr";
  text: string;
}

export interface CommandOutput {
  /** `<executionId>:<offset>`: the same output that comes again is stored once. */
  _id: string;
  organizationId: string;
  executionId: string;
  /** Bytes that were written before it. */
  offset: number;
  bytes: number;
  pieces: OutputPiece[];
  expiresAt: Date;
}

export interface ScriptParameter {
  /** Of the variable in the script's environment. */
  name: string;
  description: string;
  defaultValue: string | null;
}

/** Kept to be run again. */
export interface Script {
  _id: string;
  organizationId: string;
  name: string;
  description: string;
  interpreter: string;
  text: string;
  parameters: ScriptParameter[];
  timeoutMs: number;
  createdBy: string;
  createdAt: Date;
  updatedAt: Date;
  version: number;
}

/** Whether commands may run in an organisation, or on a device; where there is none, they may. */
export interface CommandSwitch {
  /** Of the organisation or the device. */
  _id: string;
  organizationId: string;
  enabled: boolean;
  changedAt: Date;
}

// Documents are validated where they enter (zod at the edges); mongoose casts and indexes. `minimize` off keeps
// empty maps, `strict: throw` refuses a field nobody declared.
const options = { versionKey: false, minimize: false, strict: "throw", id: false } as const;
const mixed = { type: Schema.Types.Mixed, required: true } as const;
const mixedOrNull = { type: Schema.Types.Mixed, default: null } as const;
const id = { type: String, required: true } as const;
const text = { type: String, required: true } as const;
const anyText = { type: String, default: "" } as const;
const textOrNull = { type: String, default: null } as const;
const date = { type: Date, required: true } as const;
const dateOrNull = { type: Date, default: null } as const;
const number = { type: Number, required: true } as const;
const numberOrNull = { type: Number, default: null } as const;
const boolean = { type: Boolean, required: true } as const;
const strings = { type: [String], required: true } as const;

const organization = new Schema<Organization>(
  {
    _id: id,
    name: text,
    status: text,
    dataKey: text,
    allowLists: { type: Schema.Types.Mixed },
    remoteAccess: { type: Schema.Types.Mixed },
    createdAt: date,
  },
  options,
);
organization.index({ name: 1 }, { unique: true });

const user = new Schema<User>(
  {
    _id: id,
    email: text,
    username: text,
    passwordHash: text,
    isPlatformAdmin: boolean,
    status: text,
    memberships: {
      type: [new Schema({ organizationId: id, role: text }, { _id: false, strict: "throw" })],
      required: true,
    },
    secondFactor: { type: Schema.Types.Mixed },
    signInNetworks: { type: [String], default: undefined },
    createdAt: date,
  },
  options,
);
user.index({ email: 1 }, { unique: true });
user.index({ username: 1 }, { unique: true });
user.index({ "memberships.organizationId": 1 });

const session = new Schema<Session>(
  {
    _id: id,
    userId: id,
    createdAt: date,
    expiresAt: date,
    lastUsedAt: { type: Date },
    address: { type: String },
    userAgent: { type: String },
  },
  options,
);
session.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });
session.index({ userId: 1 });

const signUp = new Schema<SignUp>(
  {
    _id: id,
    tokenHash: text,
    email: text,
    username: text,
    passwordHash: text,
    organization: mixedOrNull,
    createdAt: date,
    expiresAt: date,
  },
  options,
);
signUp.index({ tokenHash: 1 }, { unique: true });
signUp.index({ email: 1 });
signUp.index({ username: 1 });
signUp.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });

const accountLink = new Schema<AccountLink>(
  { _id: id, userId: id, purpose: text, email: text, createdAt: date, expiresAt: date },
  options,
);
accountLink.index({ userId: 1, purpose: 1 });
accountLink.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });

const apiToken = new Schema<ApiToken>(
  {
    _id: id,
    organizationId: id,
    userId: id,
    name: text,
    hash: text,
    scopes: strings,
    expiresAt: dateOrNull,
    lastUsedAt: dateOrNull,
    createdAt: date,
  },
  options,
);
apiToken.index({ hash: 1 }, { unique: true });
apiToken.index({ organizationId: 1, _id: -1 });

const invitation = new Schema<Invitation>(
  {
    _id: id,
    organizationId: id,
    email: text,
    role: text,
    tokenHash: text,
    invitedBy: mixed,
    sentAt: dateOrNull,
    claimedUntil: dateOrNull,
    createdAt: date,
    expiresAt: date,
  },
  options,
);
invitation.index({ tokenHash: 1 }, { unique: true });
invitation.index({ organizationId: 1, email: 1 }, { unique: true });
invitation.index({ organizationId: 1, _id: -1 });
/** A month after they expired: until then they are listed as expired, to be sent again. */
invitation.index({ expiresAt: 1 }, { expireAfterSeconds: 2_592_000 });

const provisioningToken = new Schema<ProvisioningToken>(
  {
    _id: id,
    organizationId: id,
    name: text,
    hash: text,
    hint: text,
    approval: text,
    enabled: boolean,
    maxDevices: numberOrNull,
    usedCount: number,
    claims: { type: Schema.Types.Mixed },
    expiresAt: dateOrNull,
    labels: mixed,
    templateIds: strings,
    createdBy: text,
    createdAt: date,
    version: number,
  },
  options,
);
provisioningToken.index({ hash: 1 }, { unique: true });
provisioningToken.index({ organizationId: 1, name: 1 }, { unique: true });
provisioningToken.index({ organizationId: 1, _id: -1 });

const device = new Schema<Device>(
  {
    _id: id,
    organizationId: id,
    name: text,
    status: text,
    labels: mixed,
    variables: mixed,
    facts: mixed,
    capabilities: { type: [String], default: undefined },
    tokenHash: text,
    publicKeyHash: text,
    provisioningTokenId: textOrNull,
    assignments: {
      type: [new Schema({ templateId: id, pinnedVersionId: textOrNull }, { _id: false, strict: "throw" })],
      required: true,
    },
    overlay: mixedOrNull,
    composition: mixedOrNull,
    pinnedRevision: numberOrNull,
    deadlineMs: number,
    desired: mixed,
    observed: mixed,
    presence: mixed,
    certificate: mixedOrNull,
    approvedAt: dateOrNull,
    decommission: mixedOrNull,
    createdAt: date,
    version: number,
  },
  options,
);
device.index({ organizationId: 1, name: 1 }, { unique: true });
device.index({ organizationId: 1, _id: -1 });
device.index({ organizationId: 1, status: 1, _id: -1 });
device.index({ organizationId: 1, "assignments.templateId": 1, _id: -1 });
device.index({ organizationId: 1, provisioningTokenId: 1, _id: -1 });
device.index({ "presence.connectorId": 1 }, { partialFilterExpression: { "presence.online": true } });

const deviceRevision = new Schema<DeviceRevision>(
  {
    _id: id,
    organizationId: id,
    deviceId: id,
    revision: number,
    digest: text,
    inputsHash: text,
    inputs: mixed,
    objectCount: number,
    sizeBytes: number,
    state: text,
    message: textOrNull,
    reason: text,
    createdAt: date,
    finishedAt: dateOrNull,
  },
  options,
);
deviceRevision.index({ deviceId: 1, revision: -1 }, { unique: true });

const deviceObjects = new Schema<DeviceObjects>(
  {
    _id: id,
    organizationId: id,
    deviceId: id,
    revision: number,
    page: number,
    pages: number,
    objects: mixed,
  },
  options,
);
deviceObjects.index({ deviceId: 1, page: 1 });

const certificate = new Schema<Certificate>(
  {
    _id: id,
    organizationId: id,
    deviceId: id,
    issuerId: id,
    notBefore: date,
    notAfter: date,
    revokedAt: dateOrNull,
    reason: textOrNull,
  },
  options,
);
certificate.index({ deviceId: 1, notAfter: -1 });
certificate.index({ issuerId: 1, revokedAt: 1 });

const authority = new Schema<Authority>(
  {
    _id: id,
    organizationId: textOrNull,
    kind: text,
    status: text,
    certificatePem: text,
    sealedKey: text,
    notAfter: date,
    crlNumber: number,
    rotationRequestedAt: dateOrNull,
    createdAt: date,
  },
  options,
);
authority.index({ organizationId: 1, kind: 1, status: 1 });

const template = new Schema<Template>(
  {
    _id: id,
    organizationId: id,
    name: text,
    description: anyText,
    source: mixed,
    root: anyText,
    currentVersionId: textOrNull,
    versionCount: number,
    sync: mixed,
    createdAt: date,
    updatedAt: date,
    version: number,
  },
  options,
);
template.index({ organizationId: 1, name: 1 }, { unique: true });
template.index({ organizationId: 1, _id: -1 });
template.index({ "sync.nextAt": 1 });

const templateVersion = new Schema<TemplateVersion>(
  {
    _id: id,
    organizationId: id,
    templateId: id,
    number: number,
    contentHash: text,
    filesBlobId: text,
    root: anyText,
    renderedBlobId: text,
    objectCount: number,
    variables: strings,
    secrets: strings,
    commit: mixedOrNull,
    createdBy: text,
    createdAt: date,
  },
  options,
);
templateVersion.index({ templateId: 1, number: -1 }, { unique: true });

const gitCredential = new Schema<GitCredential>(
  { _id: id, organizationId: id, name: text, kind: text, sealed: text, createdAt: date },
  options,
);
gitCredential.index({ organizationId: 1, name: 1 }, { unique: true });

const secret = new Schema<Secret>(
  {
    _id: id,
    organizationId: id,
    name: text,
    sealed: text,
    version: number,
    createdAt: date,
    updatedAt: date,
  },
  options,
);
secret.index({ organizationId: 1, name: 1 }, { unique: true });

const blob = new Schema<Blob>(
  { _id: id, organizationId: id, sizeBytes: number, chunkCount: number, createdAt: date },
  options,
);
const blobChunk = new Schema<BlobChunk>({ _id: id, data: { type: Buffer, required: true } }, options);

const event = new Schema<Event>(
  {
    _id: id,
    organizationId: id,
    deviceId: textOrNull,
    kind: text,
    severity: text,
    actor: mixed,
    message: text,
    details: mixed,
    address: textOrNull,
    at: date,
  },
  options,
);
event.index({ organizationId: 1, _id: -1 });
event.index({ deviceId: 1, _id: -1 });
/** Apart from the others, because there may be so many more of them. */
const connectionEvent = event.clone();

const fleetSample = new Schema<FleetSample>(
  { _id: id, organizationId: id, at: date, total: number, online: number, healthy: number },
  options,
);
fleetSample.index({ organizationId: 1, at: 1 });
/** A week. */
fleetSample.index({ at: 1 }, { expireAfterSeconds: 604_800 });
const tunnel = new Schema<Tunnel>(
  {
    _id: id,
    organizationId: id,
    deviceId: id,
    name: anyText,
    target: mixed,
    listenHost: textOrNull,
    port: number,
    allowFrom: strings,
    protocol: textOrNull,
    maxConnections: number,
    idleTimeoutMs: numberOrNull,
    closesAt: dateOrNull,
    reports: mixed,
    usage: {
      connections: number,
      sentBytes: number,
      receivedBytes: number,
      lastUsedAt: dateOrNull,
    },
    requestedBy: { type: String },
    createdBy: text,
    createdAt: date,
    version: number,
  },
  options,
);
tunnel.index({ port: 1 }, { unique: true });
tunnel.index({ organizationId: 1, _id: -1 });
tunnel.index({ deviceId: 1, _id: -1 });

const webTunnel = new Schema<WebTunnel>(
  {
    _id: id,
    organizationId: id,
    deviceId: id,
    name: anyText,
    label: text,
    target: mixed,
    scheme: text,
    hostHeader: text,
    certificateFingerprint: textOrNull,
    closesAt: dateOrNull,
    usage: { requests: number, sentBytes: number, receivedBytes: number, lastUsedAt: dateOrNull },
    createdBy: text,
    createdAt: date,
    version: number,
  },
  options,
);
webTunnel.index({ label: 1 }, { unique: true });
webTunnel.index({ organizationId: 1, _id: -1 });
webTunnel.index({ deviceId: 1, _id: -1 });

const webPass = new Schema<WebPass>(
  {
    _id: id,
    kind: text,
    webTunnelId: id,
    organizationId: id,
    sessionHash: text,
    stateHash: textOrNull,
    path: anyText,
    expiresAt: date,
  },
  options,
);
webPass.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });
webPass.index({ webTunnelId: 1 });

const commandRun = new Schema<CommandRun>(
  {
    _id: id,
    organizationId: id,
    title: text,
    scriptId: textOrNull,
    place: mixed,
    program: mixed,
    workingDirectory: textOrNull,
    environmentNames: strings,
    hasInput: boolean,
    sealedInput: text,
    timeoutMs: number,
    graceMs: number,
    target: mixed,
    concurrency: number,
    stopOnFailure: boolean,
    waitUntil: dateOrNull,
    state: text,
    stopped: mixedOrNull,
    deviceCount: number,
    counts: mixedOrNull,
    createdBy: mixed,
    createdAt: date,
    finishedAt: dateOrNull,
    expiresAt: date,
  },
  options,
);
commandRun.index({ organizationId: 1, _id: -1 });
commandRun.index({ state: 1, _id: 1 });
commandRun.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });

const commandExecution = new Schema<CommandExecution>(
  {
    _id: id,
    organizationId: id,
    runId: id,
    title: text,
    createdBy: mixed,
    deviceId: id,
    deviceName: text,
    state: text,
    message: textOrNull,
    exitCode: numberOrNull,
    signal: textOrNull,
    attemptedAt: dateOrNull,
    nextAt: date,
    deadlineAt: dateOrNull,
    cancelAt: dateOrNull,
    startedAt: dateOrNull,
    finishedAt: dateOrNull,
    outputBytes: number,
    createdAt: date,
    expiresAt: date,
  },
  options,
);
commandExecution.index({ runId: 1, _id: 1 });
commandExecution.index({ runId: 1, state: 1, _id: 1 });
commandExecution.index({ organizationId: 1, deviceId: 1, _id: -1 });
commandExecution.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });

const commandOutput = new Schema<CommandOutput>(
  {
    _id: id,
    organizationId: id,
    executionId: id,
    offset: number,
    bytes: number,
    pieces: mixed,
    expiresAt: date,
  },
  options,
);
commandOutput.index({ executionId: 1, offset: 1 });
commandOutput.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });

const script = new Schema<Script>(
  {
    _id: id,
    organizationId: id,
    name: text,
    description: anyText,
    interpreter: text,
    text,
    parameters: mixed,
    timeoutMs: number,
    createdBy: text,
    createdAt: date,
    updatedAt: date,
    version: number,
  },
  options,
);
script.index({ organizationId: 1, name: 1 }, { unique: true });
script.index({ organizationId: 1, _id: -1 });

const commandSwitch = new Schema<CommandSwitch>(
  { _id: id, organizationId: id, enabled: boolean, changedAt: date },
  options,
);
commandSwitch.index({ organizationId: 1 });

const lease = new Schema<Lease>(
  { _id: id, holder: text, expiresAt: date, address: textOrNull, load: mixedOrNull },
  options,
);
const signingRequest = new Schema<SigningRequest>(
  {
    _id: id,
    kind: text,
    csr: text,
    organizationId: textOrNull,
    deviceId: textOrNull,
    names: strings,
    createdAt: date,
  },
  options,
);
// Whoever asked has long given up.
signingRequest.index({ createdAt: 1 }, { expireAfterSeconds: 600 });
const platformValue = new Schema<PlatformValue>({ _id: id, value: text, updatedAt: date }, options);

/** Binds the models to one connection; nothing is registered globally. */
export function createModels(connection: Connection) {
  return {
    organizations: connection.model("Organization", organization, "organizations"),
    users: connection.model("User", user, "users"),
    sessions: connection.model("Session", session, "sessions"),
    signUps: connection.model("SignUp", signUp, "signUps"),
    accountLinks: connection.model("AccountLink", accountLink, "accountLinks"),
    apiTokens: connection.model("ApiToken", apiToken, "apiTokens"),
    invitations: connection.model("Invitation", invitation, "invitations"),
    provisioningTokens: connection.model("ProvisioningToken", provisioningToken, "provisioningTokens"),
    devices: connection.model("Device", device, "devices"),
    deviceRevisions: connection.model("DeviceRevision", deviceRevision, "deviceRevisions"),
    deviceObjects: connection.model("DeviceObjects", deviceObjects, "deviceObjects"),
    certificates: connection.model("Certificate", certificate, "certificates"),
    authorities: connection.model("Authority", authority, "authorities"),
    templates: connection.model("Template", template, "templates"),
    templateVersions: connection.model("TemplateVersion", templateVersion, "templateVersions"),
    gitCredentials: connection.model("GitCredential", gitCredential, "gitCredentials"),
    secrets: connection.model("Secret", secret, "secrets"),
    blobs: connection.model("Blob", blob, "blobs"),
    blobChunks: connection.model("BlobChunk", blobChunk, "blobChunks"),
    events: connection.model("Event", event, "events"),
    connectionEvents: connection.model("ConnectionEvent", connectionEvent, "connectionEvents"),
    fleetSamples: connection.model("FleetSample", fleetSample, "fleetSamples"),
    leases: connection.model("Lease", lease, "leases"),
    signingRequests: connection.model("SigningRequest", signingRequest, "signingRequests"),
    tunnels: connection.model("Tunnel", tunnel, "tunnels"),
    webTunnels: connection.model("WebTunnel", webTunnel, "webTunnels"),
    webPasses: connection.model("WebPass", webPass, "webPasses"),
    commandRuns: connection.model("CommandRun", commandRun, "commandRuns"),
    commandExecutions: connection.model("CommandExecution", commandExecution, "commandExecutions"),
    commandOutputs: connection.model("CommandOutput", commandOutput, "commandOutputs"),
    commandSwitches: connection.model("CommandSwitch", commandSwitch, "commandSwitches"),
    scripts: connection.model("Script", script, "scripts"),
    platformValues: connection.model("PlatformValue", platformValue, "platformValues"),
  };
}
export type Models = ReturnType<typeof createModels>;
