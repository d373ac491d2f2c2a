import { randomBytes } from "node:crypto";
import { newId } from "@rciots/runtime";
import type {
  Authority,
  Certificate,
  Device,
  DeviceRevision,
  Organization,
  Template,
  TemplateVersion,
  User,
} from "../src/index.ts";
import { newDevice } from "../src/index.ts";

/** Whole documents for tests; what a test is about it says itself. */

export const at = (milliseconds: number): Date => new Date(Date.UTC(2030, 0, 1) + milliseconds);
export const hex = (): string => randomBytes(32).toString("hex");
/** `count` results of `make`, all under way at once. */
export const inParallel = <T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_value, index) => make(index)));
/** Identifiers of the same millisecond have no order; these have one. */
export const orderedId = (prefix: string, index: number): string => newId(prefix, 1_700_000_000_000 + index);

export function organization(change: Partial<Organization> = {}): Organization {
  const _id = newId("org");
  return { _id, name: `name of ${_id}`, status: "active", dataKey: "sealed", createdAt: at(0), ...change };
}

export function user(change: Partial<User> = {}): User {
  const _id = newId("usr");
  return {
    _id,
    email: `${_id.toLowerCase()}@example.com`,
    username: _id.toLowerCase(),
    passwordHash: "hash",
    isPlatformAdmin: false,
    status: "active",
    memberships: [],
    createdAt: at(0),
    ...change,
  };
}

export function device(organizationId: string, change: Partial<Device> = {}): Device {
  const _id = newId("dev");
  const name = _id.toLowerCase().replace("_", "-");
  return newDevice({
    _id,
    organizationId,
    name,
    tokenHash: hex(),
    publicKeyHash: hex(),
    createdAt: at(0),
    ...change,
  });
}

export function revision(of: Device, number: number, change: Partial<DeviceRevision> = {}): DeviceRevision {
  return {
    _id: `${of._id}:${number}`,
    organizationId: of.organizationId,
    deviceId: of._id,
    revision: number,
    digest: hex(),
    inputsHash: hex(),
    inputs: { sources: [], overlayBlobId: null, renderedBlobId: null, variables: {} },
    objectCount: 1,
    sizeBytes: 10,
    state: "offered",
    message: null,
    reason: "change",
    createdAt: at(number),
    finishedAt: null,
    ...change,
  };
}

export function certificate(of: Device, change: Partial<Certificate> = {}): Certificate {
  return {
    _id: randomBytes(16).toString("hex").toUpperCase(),
    organizationId: of.organizationId,
    deviceId: of._id,
    issuerId: `${of.organizationId}:1`,
    notBefore: at(0),
    notAfter: at(1_000),
    revokedAt: null,
    reason: null,
    ...change,
  };
}

export function authority(organizationId: string, number = 1, change: Partial<Authority> = {}): Authority {
  return {
    _id: `${organizationId}:${number}`,
    organizationId,
    kind: "organization",
    status: "issuing",
    certificatePem: `certificate ${number}`,
    sealedKey: "sealed",
    notAfter: at(1_000),
    crlNumber: 0,
    rotationRequestedAt: null,
    createdAt: at(number),
    ...change,
  };
}

export function template(organizationId: string, change: Partial<Template> = {}): Template {
  const _id = newId("tpl");
  return {
    _id,
    organizationId,
    name: _id.toLowerCase().replace("_", "-"),
    description: "",
    source: { kind: "inline" },
    root: "",
    currentVersionId: null,
    versionCount: 0,
    sync: { status: "never", message: null, commit: null, checkedAt: null, nextAt: null },
    createdAt: at(0),
    updatedAt: at(0),
    version: 1,
    ...change,
  };
}

export function templateVersion(
  of: Template,
  number: number,
  change: Partial<TemplateVersion> = {},
): TemplateVersion {
  return {
    _id: newId("tpv"),
    organizationId: of.organizationId,
    templateId: of._id,
    number,
    contentHash: hex(),
    filesBlobId: `${of.organizationId}/${hex()}`,
    root: "",
    renderedBlobId: `${of.organizationId}/${hex()}`,
    objectCount: 1,
    variables: [],
    secrets: [],
    commit: null,
    createdBy: "usr_test",
    createdAt: at(number),
    ...change,
  };
}
