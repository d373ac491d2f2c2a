import type { Device, DeviceObjects, DeviceStatus, Models } from "../models.ts";

/** A condition on one label, as of a Kubernetes label selector. */
export type LabelCondition =
  | { key: string; operator: "in" | "notIn"; values: string[] }
  | { key: string; operator: "exists" | "absent" };

export interface DeviceFilter {
  statuses?: DeviceStatus[];
  online?: boolean;
  /** All must hold. Keys are checked by the caller: they become part of a field's path. */
  labels?: LabelCondition[];
  /** A regular expression that the caller has escaped. */
  nameMatches?: string;
  states?: string[];
  templateId?: string;
}

/** One page; `after` is the sort field's value in the last device of the page before. */
export interface DevicePage {
  sort: "newest" | "name";
  after?: string;
  limit: number;
}

/** What an operator may change of a device. */
export type DeviceChange = Partial<
  Pick<
    Device,
    | "name"
    | "status"
    | "labels"
    | "variables"
    | "assignments"
    | "overlay"
    | "composition"
    | "pinnedRevision"
    | "deadlineMs"
    | "approvedAt"
    | "decommission"
  >
>;

/** What devices are listed and searched by. */
export type DeviceHead = Pick<Device, "_id" | "name" | "status" | "labels" | "facts"> & {
  assignments: Pick<Device["assignments"][number], "templateId">[];
  observed: Pick<Device["observed"], "state">;
  presence: Pick<Device["presence"], "online" | "lastSeenAt">;
  certificate: Pick<NonNullable<Device["certificate"]>, "notAfter"> | null;
};

const headFields = {
  name: 1,
  status: 1,
  labels: 1,
  facts: 1,
  "assignments.templateId": 1,
  "observed.state": 1,
  "presence.online": 1,
  "presence.lastSeenAt": 1,
  "certificate.notAfter": 1,
};

/** How the active devices of an organisation are at a moment. */
export interface FleetCount {
  organizationId: string;
  total: number;
  online: number;
  healthy: number;
}

/** Devices that have a template assigned. */
export interface TemplateUsage {
  templateId: string;
  deviceCount: number;
  /** Those that follow the current version; the others are pinned to one. */
  followerCount: number;
  onlineCount: number;
  /** Observed state of active devices; `none` for those that never reported. */
  byState: Record<string, number>;
}

interface UsageGroup {
  _id: { templateId: string; pinned: string | null; status: string; online: boolean; state: string | null };
  count: number;
}

function sumUsage(templateId: string, groups: readonly UsageGroup[]): TemplateUsage {
  const usage: TemplateUsage = { templateId, deviceCount: 0, followerCount: 0, onlineCount: 0, byState: {} };
  for (const { _id, count } of groups) {
    if (_id.templateId !== templateId) continue;
    usage.deviceCount += count;
    if (_id.pinned === null) usage.followerCount += count;
    if (_id.online) usage.onlineCount += count;
    if (_id.status !== "active") continue;
    const state = _id.state ?? "none";
    usage.byState[state] = (usage.byState[state] ?? 0) + count;
  }
  return usage;
}

function labelFilter(condition: LabelCondition): Record<string, unknown> {
  const path = `labels.${condition.key}`;
  switch (condition.operator) {
    case "in":
      return { [path]: { $in: condition.values } };
    case "notIn":
      return { [path]: { $nin: condition.values } };
    case "exists":
      return { [path]: { $exists: true } };
    case "absent":
      return { [path]: { $exists: false } };
  }
}

function toFilter(organizationId: string, filter: DeviceFilter): Record<string, unknown> {
  const { statuses, online, labels = [], nameMatches, states, templateId } = filter;
  return {
    organizationId,
    ...(statuses === undefined ? {} : { status: { $in: statuses } }),
    ...(online === undefined ? {} : { "presence.online": online }),
    ...(nameMatches === undefined ? {} : { name: { $regex: nameMatches } }),
    ...(states === undefined ? {} : { "observed.state": { $in: states } }),
    ...(templateId === undefined ? {} : { "assignments.templateId": templateId }),
    ...(labels.length === 0 ? {} : { $and: labels.map(labelFilter) }),
  };
}

/** Devices as operators see and change them. Every query is within one organisation. */
export function createDeviceRepository({ devices, deviceObjects, deviceRevisions }: Models) {
  return {
    async find(organizationId: string, deviceId: string): Promise<Device | null> {
      return devices.findOne({ _id: deviceId, organizationId }).lean<Device>();
    },

    /** Those that are there, in any order. */
    async findMany(organizationId: string, deviceIds: readonly string[]): Promise<Device[]> {
      if (deviceIds.length === 0) return [];
      return devices.find({ _id: { $in: [...deviceIds] }, organizationId }).lean<Device[]>();
    },

    /** The heads of these devices, in any order, through the driver: there may be thousands. */
    async findHeads(organizationId: string, deviceIds: readonly string[]): Promise<DeviceHead[]> {
      const filter = { _id: { $in: [...deviceIds] }, organizationId } as object;
      return (await devices.collection
        .find(filter, { projection: headFields })
        .toArray()) as unknown as DeviceHead[];
    },

    /** A page of all devices' heads, the oldest first; `after` is the id that the page before ended with. */
    async listHeads(organizationId: string, after: string, limit: number): Promise<DeviceHead[]> {
      return (await devices.collection
        .find({ organizationId, _id: { $gt: after } } as object, { projection: headFields })
        .sort({ _id: 1 })
        .limit(limit)
        .toArray()) as unknown as DeviceHead[];
    },

    /** Of each organisation that has active devices; across all of them. */
    async countFleets(): Promise<FleetCount[]> {
      const one = (condition: object) => ({ $sum: { $cond: [condition, 1, 0] } });
      const found = await devices.aggregate<Omit<FleetCount, "organizationId"> & { _id: string }>([
        { $match: { status: "active" } },
        {
          $group: {
            _id: "$organizationId",
            total: { $sum: 1 },
            online: one({ $eq: ["$presence.online", true] }),
            healthy: one({ $eq: ["$observed.state", "healthy"] }),
          },
        },
      ]);
      return found.map(({ _id, ...counts }) => ({ organizationId: _id, ...counts }));
    },

    async list(organizationId: string, filter: DeviceFilter, page: DevicePage): Promise<Device[]> {
      const conditions = toFilter(organizationId, filter);
      const and = (conditions["$and"] as Record<string, unknown>[] | undefined) ?? [];
      const isByName = page.sort === "name";
      const from = isByName ? { name: { $gt: page.after } } : { _id: { $lt: page.after } };
      const where = page.after === undefined ? conditions : { ...conditions, $and: [...and, from] };
      return devices
        .find(where)
        .sort(isByName ? { name: 1 } : { _id: -1 })
        .limit(page.limit)
        .lean<Device[]>();
    },

    /** Newest first; `before` is the id of the last device of the page before. */
    async listEnrolledWith(
      organizationId: string,
      provisioningTokenId: string,
      page: { before?: string; limit: number },
    ): Promise<Device[]> {
      const from = page.before === undefined ? {} : { _id: { $lt: page.before } };
      return devices
        .find({ organizationId, provisioningTokenId, ...from })
        .sort({ _id: -1 })
        .limit(page.limit)
        .lean<Device[]>();
    },

    /** Null where it is gone or no longer has version `ifVersion`. A duplicate key: the name is taken. */
    async update(
      organizationId: string,
      deviceId: string,
      ifVersion: number,
      change: DeviceChange,
    ): Promise<Device | null> {
      return devices
        .findOneAndUpdate(
          { _id: deviceId, organizationId, version: ifVersion },
          { $set: change, $inc: { version: 1 } },
          { returnDocument: "after" },
        )
        .lean<Device>();
    },

    /** Only a device in one of these statuses; with its reported objects and its history. */
    async delete(organizationId: string, deviceId: string, statuses: DeviceStatus[]): Promise<boolean> {
      const { deletedCount } = await devices.deleteOne({
        _id: deviceId,
        organizationId,
        status: { $in: statuses },
      });
      if (deletedCount === 0) return false;
      await deviceObjects.deleteMany({ deviceId, organizationId });
      await deviceRevisions.deleteMany({ deviceId, organizationId });
      return true;
    },

    async countByTemplate(organizationId: string, templateId: string): Promise<number> {
      return devices.countDocuments({ organizationId, "assignments.templateId": templateId });
    },

    /** One entry for each of `templateIds`, in their order. */
    async usageOfTemplates(organizationId: string, templateIds: readonly string[]): Promise<TemplateUsage[]> {
      const isOne = { "assignments.templateId": { $in: [...templateIds] } };
      const groups = await devices.aggregate<UsageGroup>([
        { $match: { organizationId, ...isOne } },
        { $project: { assignments: 1, status: 1, "presence.online": 1, "observed.state": 1 } },
        { $unwind: "$assignments" },
        { $match: isOne },
        {
          $group: {
            _id: {
              templateId: "$assignments.templateId",
              pinned: "$assignments.pinnedVersionId",
              status: "$status",
              online: "$presence.online",
              state: "$observed.state",
            },
            count: { $sum: 1 },
          },
        },
      ]);
      return templateIds.map((templateId) => sumUsage(templateId, groups));
    },

    /** Identifiers of the devices that follow a template's current version, in pages, read through one cursor. */
    async *followersOf(
      organizationId: string,
      templateId: string,
      pageSize = 500,
    ): AsyncGenerator<string[], void, void> {
      const follows = { $elemMatch: { templateId, pinnedVersionId: null } };
      const cursor = devices
        .find({ organizationId, assignments: follows }, { _id: 1 })
        .lean<{ _id: string }>()
        .cursor({ batchSize: pageSize });
      let page: string[] = [];
      for await (const { _id } of cursor) {
        page.push(_id);
        if (page.length < pageSize) continue;
        yield page;
        page = [];
      }
      if (page.length > 0) yield page;
    },

    /** One page of the objects a device last reported. */
    async findObjects(organizationId: string, deviceId: string, page: number): Promise<DeviceObjects | null> {
      return deviceObjects.findOne({ _id: `${deviceId}:${page}`, organizationId }).lean<DeviceObjects>();
    },
  };
}
