import { setImmediate as nextTurn } from "node:timers/promises";
import type { DesiredState } from "@rciots/protocol";
import { errorMessage, isAppError, type Logger } from "@rciots/runtime";
import type {
  Desired,
  Device,
  DeviceRevision,
  RevisionAdvance,
  Store,
  TemplateHead,
  TemplateVersion,
} from "@rciots/store";
import type { Content, OpenSecrets, Rendering } from "./content.ts";
import {
  currentInputs,
  isFault,
  missingTemplate,
  sourcesOf,
  type ContentFault,
  type Inputs,
} from "./inputs.ts";

/** Bundles made at the same time, before the event loop gets its turn. */
const bundlesPerTurn = 25;

interface Plan {
  device: Device;
  inputs: Inputs;
  rendering: Rendering;
  fault?: undefined;
}

/** A device with content to be made, with a fault, or (neither) with an overlay that waits to be rendered. */
type Planned = Plan | { device: Device; inputs?: undefined; fault?: ContentFault };

export const nothingDesired = (revision: number): DesiredState => ({ kind: "none", revision });

const asFault = (error: unknown): ContentFault =>
  isAppError(error)
    ? { code: error.code, message: error.message }
    : { code: "internal_error", message: "The content can't be made now; the platform tries again." };

/** Computes what devices should run, and moves them there, many at a time. */
export function createAdvance({
  store,
  content,
  logger,
}: {
  store: Pick<Store, "content" | "deviceRevisions">;
  content: Content;
  logger: Logger;
}) {
  /** What devices go back to that were rolled back, by device. */
  async function pinnedRevisions(
    organizationId: string,
    devices: Device[],
  ): Promise<Map<string, DeviceRevision>> {
    const wanted = devices.flatMap(({ _id: deviceId, pinnedRevision: revision }) =>
      revision === null ? [] : [{ deviceId, revision }],
    );
    const found = await store.deviceRevisions.getMany(organizationId, wanted);
    return new Map([...found.values()].map((revision) => [revision.deviceId, revision]));
  }

  function inputsOf(
    device: Device,
    heads: readonly TemplateHead[],
    pinned: Map<string, DeviceRevision>,
  ): Inputs | ContentFault | undefined {
    const { pinnedRevision } = device;
    if (pinnedRevision === null)
      return missingTemplate(device, heads) ?? currentInputs(device, sourcesOf(device, heads));
    const gone = {
      code: "revision_not_found",
      message: `Revision ${pinnedRevision} to roll back to is gone.`,
    };
    return pinned.get(device._id)?.inputs ?? gone;
  }

  function faultOf(device: Device, error: unknown): ContentFault {
    if (!isAppError(error))
      logger.error({ deviceId: device._id, error: errorMessage(error) }, "content can't be made");
    return asFault(error);
  }

  async function planOne(
    device: Device,
    inputs: Inputs | ContentFault | undefined,
    versions: Map<string, TemplateVersion>,
  ): Promise<Planned> {
    if (inputs === undefined) return { device };
    if (isFault(inputs)) return { device, fault: inputs };
    try {
      return { device, inputs, rendering: await content.rendering(device.organizationId, inputs, versions) };
    } catch (error) {
      return { device, fault: faultOf(device, error) };
    }
  }

  async function plan(organizationId: string, devices: Device[]): Promise<Planned[]> {
    const templateIds = [
      ...new Set(devices.flatMap((device) => device.assignments.map((assignment) => assignment.templateId))),
    ];
    const heads = await store.content.templates(organizationId, templateIds);
    const pinned = await pinnedRevisions(organizationId, devices);
    const inputs = devices.map((device) => inputsOf(device, heads, pinned));
    const versionIds = inputs.flatMap((of) =>
      of === undefined || isFault(of) ? [] : of.sources.map((source) => source.versionId),
    );
    const versions = await content.versionsOf(organizationId, [...new Set(versionIds)]);
    return Promise.all(devices.map((device, index) => planOne(device, inputs[index], versions)));
  }

  function faultChange(device: Device, fault: ContentFault): RevisionAdvance | undefined {
    const error = `${fault.code}: ${fault.message}`.slice(0, 2_048);
    if (device.desired.error === error) return undefined;
    return {
      ...changeOf(device),
      desired: { ...device.desired, inputsHash: null, error, updatedAt: new Date() },
    };
  }

  async function contentChange(
    { device, inputs, rendering }: Plan,
    secrets: OpenSecrets,
  ): Promise<RevisionAdvance | undefined> {
    const { desired } = device;
    const isEmpty = rendering.key === "";
    const inputsHash = isEmpty ? "none" : content.hash(device, inputs, rendering, secrets.versions);
    if (desired.inputsHash === inputsHash && desired.error === null) return undefined;
    const settled = { inputsHash, error: null, updatedAt: new Date() };
    if (isEmpty) {
      const revision = desired.digest === null ? desired.revision : desired.revision + 1;
      return {
        ...changeOf(device),
        desired: { ...settled, revision, digest: null, wire: nothingDesired(revision) },
      };
    }
    const bundle = await content.bundle(device, inputs, rendering, inputsHash, secrets);
    const isSame = bundle.digest === desired.digest;
    const revision = isSame ? desired.revision : desired.revision + 1;
    const wire: DesiredState = {
      kind: "bundle",
      revision,
      digest: bundle.digest,
      encodedDigest: bundle.encodedDigest,
      encodedBytes: bundle.encodedSizeBytes,
      decodedBytes: bundle.sizeBytes,
      objectCount: bundle.objectCount,
      deadlineMs: device.deadlineMs,
    };
    const next: Desired = { ...settled, revision, digest: bundle.digest, wire };
    if (isSame) return { ...changeOf(device), desired: next };
    return { ...changeOf(device), desired: next, revision: historyOf(device, inputs, next, bundle) };
  }

  async function changeFor(one: Planned, secrets: OpenSecrets): Promise<RevisionAdvance | undefined> {
    if (one.fault !== undefined) return faultChange(one.device, one.fault);
    if (one.inputs === undefined) return undefined;
    return contentChange(one, secrets).catch((error: unknown) =>
      faultChange(one.device, faultOf(one.device, error)),
    );
  }

  async function changesOf(organizationId: string, devices: Device[]): Promise<RevisionAdvance[]> {
    const planned = await plan(organizationId, devices);
    const plans = planned.filter((one): one is Plan => one.inputs !== undefined);
    const names = [...new Set(plans.flatMap((one) => one.rendering.compiled.secrets))];
    const secrets = await content.openSecrets(organizationId, names);
    const changes: (RevisionAdvance | undefined)[] = [];
    // In small groups: compression runs on the thread pool, and the event loop gets its turns.
    for (let index = 0; index < planned.length; index += bundlesPerTurn) {
      const group = planned.slice(index, index + bundlesPerTurn);
      changes.push(...(await Promise.all(group.map((one) => changeFor(one, secrets)))));
      await nextTurn();
    }
    return changes.filter((change) => change !== undefined);
  }

  /** One round; devices that another replica moved meanwhile are left out of the answer. */
  async function advanceOrganization(
    organizationId: string,
    devices: Device[],
  ): Promise<Map<string, DesiredState>> {
    const changes = await changesOf(organizationId, devices);
    const moved = await store.deviceRevisions.advance(changes);
    const changed = new Set(changes.map((change) => change.deviceId));
    return new Map(
      devices.flatMap((device) => {
        const desired = changed.has(device._id) ? moved.get(device._id) : device.desired;
        return desired === undefined ? [] : [[device._id, desired.wire]];
      }),
    );
  }

  return async function advance(devices: Device[]): Promise<Map<string, DesiredState>> {
    const byOrganization = groupDevices(devices);
    const results = await Promise.all(
      [...byOrganization].map(([organizationId, own]) => advanceOrganization(organizationId, own)),
    );
    return new Map(results.flatMap((result) => [...result]));
  };
}

const changeOf = (device: Device) => ({
  deviceId: device._id,
  organizationId: device.organizationId,
  fromRevision: device.desired.revision,
});

function groupDevices(devices: Device[]): Map<string, Device[]> {
  const groups = new Map<string, Device[]>();
  for (const device of devices) {
    const group = groups.get(device.organizationId);
    if (group === undefined) groups.set(device.organizationId, [device]);
    else group.push(device);
  }
  return groups;
}

function historyOf(
  device: Device,
  inputs: Inputs,
  desired: Desired,
  bundle: { objectCount: number; sizeBytes: number },
): DeviceRevision {
  return {
    _id: `${device._id}:${desired.revision}`,
    organizationId: device.organizationId,
    deviceId: device._id,
    revision: desired.revision,
    digest: desired.digest ?? "",
    inputsHash: desired.inputsHash ?? "",
    inputs,
    objectCount: bundle.objectCount,
    sizeBytes: bundle.sizeBytes,
    state: "offered",
    message: null,
    reason: device.pinnedRevision === null ? "change" : "rollback",
    createdAt: new Date(),
    finishedAt: null,
  };
}
