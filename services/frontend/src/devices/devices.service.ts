import { conflict, type Bus } from "@rciots/runtime";
import type { Certificate, Device, DeviceChange, DeviceStatus, Store } from "@rciots/store";
import { difference, type Acting, type Audit } from "../audit/audit.ts";
import type { Member } from "../auth/caller.ts";
import { readPage, type Page } from "../http/cursor.ts";
import type { RequestContext } from "../http/route.ts";
import { changesOf, changeVersioned } from "../http/optimistic-change.ts";
import type { DeviceDirectory } from "./device-directory.ts";
import { entryOf, matcherOf, type DeviceEntry, type DeviceQuery } from "./device-entry.ts";
import { deviceOrders, type DeviceSort } from "./device-order.ts";
import { requireDevice } from "./require-device.ts";

export interface MemberActing extends Acting {
  caller: Member;
  context: RequestContext;
}

/** A change of one device, told to everybody who must know. */
export interface DeviceEdit {
  id: string;
  ifMatch: number | undefined;
  /** What to write, or null where it is so already. Throws where it isn't possible. */
  change: (device: Device) => DeviceChange | null | Promise<DeviceChange | null>;
  /** `noun.verb` of the audit record. */
  kind: string;
  message: (device: Device) => string;
  /** What the record shows before and after; nothing that may hold a secret. */
  audited: readonly (keyof Device)[];
  /** Besides the live views: whether what it runs, or whether it may connect, changes by it. */
  affects?: readonly ("content" | "access")[];
}

export type DevicesService = ReturnType<typeof createDevicesService>;

const deletable: DeviceStatus[] = ["decommissioned", "denied"];

function wrongStatus(device: Device, wanted: string): Error {
  return conflict({
    code: "device_status_conflict",
    message: `The device is ${device.status}; only ${wanted} can be.`,
    details: { deviceStatus: device.status },
  });
}

/** Throws 409 unless the device is in one of these statuses. */
function requireStatus(device: Device, allowed: readonly DeviceStatus[]): void {
  if (!allowed.includes(device.status)) throw wrongStatus(device, `one that is ${allowed.join(" or ")}`);
}

export interface DeviceSummary {
  total: number;
  online: number;
  byStatus: Record<string, number>;
  /** Observed state of active devices; `none` for those that never reported. */
  byState: Record<string, number>;
}

export function summarize(entries: Iterable<DeviceEntry>): DeviceSummary {
  const summary: DeviceSummary = { total: 0, online: 0, byStatus: {}, byState: {} };
  const count = (counts: Record<string, number>, key: string): void => {
    counts[key] = (counts[key] ?? 0) + 1;
  };
  for (const { status, online, state } of entries) {
    summary.total += 1;
    if (online) summary.online += 1;
    count(summary.byStatus, status);
    if (status === "active") count(summary.byState, state ?? "none");
  }
  return summary;
}

/** Devices and their standing: who may connect, and what there is to see of them. */
export function createDevicesService(options: {
  store: Pick<Store, "devices" | "certificates" | "deviceRevisions" | "tunnels" | "webTunnels">;
  directory: Pick<DeviceDirectory, "list" | "all">;
  audit: Audit;
  bus: Bus;
}) {
  const { store, directory, audit, bus } = options;

  const get = (organizationId: string, id: string): Promise<Device> =>
    requireDevice(store, organizationId, id);

  function announce(device: Device, affects: DeviceEdit["affects"] = []): void {
    const { organizationId, _id: deviceId } = device;
    bus.publish("device:updated", { organizationId, deviceIds: [deviceId] });
    if (affects.includes("access")) bus.publish("device:access-changed", { organizationId, deviceId });
    if (affects.includes("content"))
      bus.publish("desired:changed", { organizationId, deviceIds: [deviceId] });
  }

  async function edit(acting: MemberActing, options: DeviceEdit): Promise<Device> {
    const { organizationId } = acting.caller;
    const { before, after, isChanged } = await changeVersioned({
      ifMatch: options.ifMatch,
      read: () => get(organizationId, options.id),
      change: options.change,
      write: (device, change) => store.devices.update(organizationId, device._id, device.version, change),
    });
    if (!isChanged) return after;
    announce(after, options.affects);
    await audit.record(acting, {
      organizationId,
      deviceId: after._id,
      kind: options.kind,
      message: options.message(after),
      details: difference(before, after, options.audited),
    });
    return after;
  }

  /** From one of `from` to `status`; a device that is there already stays as it is. */
  function setStatus(
    acting: MemberActing,
    target: { id: string; ifMatch: number | undefined },
    step: { from: readonly DeviceStatus[]; status: DeviceStatus; verb: string; extra?: DeviceChange },
  ): Promise<Device> {
    return edit(acting, {
      ...target,
      kind: `device.${step.verb}`,
      message: (device) => `${device.name} was ${step.verb}.`,
      audited: ["status"],
      affects: ["access", "content"],
      change(device) {
        if (device.status === step.status) return null;
        requireStatus(device, step.from);
        return { status: step.status, ...step.extra };
      },
    });
  }

  function approve(
    acting: MemberActing,
    target: { id: string; ifMatch: number | undefined },
    labels: Record<string, string>,
  ): Promise<Device> {
    return edit(acting, {
      ...target,
      kind: "device.approved",
      message: (device) => `${device.name} was approved.`,
      audited: ["status", "labels"],
      affects: ["access", "content"],
      change(device) {
        if (device.status === "active") return null;
        requireStatus(device, ["pending", "denied"]);
        return { status: "active", approvedAt: new Date(), labels: { ...device.labels, ...labels } };
      },
    });
  }

  return {
    get,
    edit,
    announce,
    approve,
    summarize: async (organizationId: string) => summarize(await directory.all(organizationId)),

    /** `total`: how many match. A device that changed in this moment so that it doesn't is left out. */
    async list(
      organizationId: string,
      query: DeviceQuery,
      { sort, limit, cursor }: { sort: DeviceSort; limit: number; cursor?: string | undefined },
    ): Promise<Page<Device> & { total: number }> {
      let total = 0;
      const { items, nextCursor } = await readPage({
        kind: `devices-${sort}`,
        limit,
        cursor,
        async read(after, count) {
          const found = await directory.list(organizationId, query, { sort, after, limit: count });
          total = found.total;
          return found.entries;
        },
        positionOf: deviceOrders[sort].positionOf,
      });
      const ids = items.map(({ id }) => id);
      const found = await store.devices.findMany(organizationId, ids);
      const stored = new Map(found.map((device) => [device._id, device]));
      const matches = matcherOf(query);
      const current = ids.flatMap((id) => stored.get(id) ?? []);
      return { items: current.filter((device) => matches(entryOf(device))), nextCursor, total };
    },

    deny: (acting: MemberActing, target: { id: string; ifMatch: number | undefined }) =>
      setStatus(acting, target, { from: ["pending"], status: "denied", verb: "denied" }),
    disable: (acting: MemberActing, target: { id: string; ifMatch: number | undefined }) =>
      setStatus(acting, target, { from: ["active"], status: "disabled", verb: "disabled" }),
    enable: (acting: MemberActing, target: { id: string; ifMatch: number | undefined }) =>
      setStatus(acting, target, { from: ["disabled"], status: "active", verb: "enabled" }),

    /** The wish stays with the device: it is told when it is, or next comes, online. */
    async decommission(
      acting: MemberActing,
      target: { id: string; ifMatch: number | undefined },
      wipeWorkloads: boolean,
    ): Promise<Device> {
      const device = await setStatus(acting, target, {
        from: ["pending", "active", "denied", "disabled"],
        status: "decommissioned",
        verb: "decommissioned",
        extra: { decommission: { wipeWorkloads, requestedAt: new Date() } },
      });
      // It never comes back under this identity: its ports are free.
      await store.tunnels.removeOfDevice(device.organizationId, device._id);
      await store.webTunnels.removeOfDevice(device.organizationId, device._id);
      return device;
    },

    setDeadline: (
      acting: MemberActing,
      target: { id: string; ifMatch: number | undefined },
      deadlineMs: number,
    ) =>
      edit(acting, {
        ...target,
        kind: "device.changed",
        message: (device) => `The deadline of ${device.name} was changed.`,
        audited: ["deadlineMs"],
        affects: ["content"],
        change: (device) => changesOf(device, { deadlineMs }),
      }),

    async remove(acting: MemberActing, id: string): Promise<void> {
      const { organizationId } = acting.caller;
      const device = await get(organizationId, id);
      requireStatus(device, deletable);
      if (!(await store.devices.delete(organizationId, id, deletable))) return;
      await store.tunnels.removeOfDevice(organizationId, id);
      await store.webTunnels.removeOfDevice(organizationId, id);
      announce(device, ["access"]);
      await audit.record(acting, {
        organizationId,
        deviceId: id,
        kind: "device.deleted",
        message: `${device.name} was deleted.`,
        details: { name: device.name, labels: device.labels },
      });
    },

    async certificates(organizationId: string, id: string): Promise<Certificate[]> {
      await get(organizationId, id);
      return store.certificates.listOfDevice(organizationId, id, 100);
    },

    /**
     * Revokes every certificate the device has. Its session ends at once; being active still, it may ask for a
     * new certificate with its device token. To keep it out, disable it.
     */
    async revokeCertificates(acting: MemberActing, id: string): Promise<number> {
      const { organizationId } = acting.caller;
      const device = await get(organizationId, id);
      const count = await store.certificates.revokeForDevice(organizationId, id, "superseded");
      announce(device, ["access"]);
      if (count === 0) return 0;
      await audit.record(acting, {
        organizationId,
        deviceId: id,
        kind: "certificate.revoked",
        message: `The certificates of ${device.name} were revoked.`,
        severity: "warning",
        details: { count },
      });
      return count;
    },

    async revisions(
      organizationId: string,
      id: string,
      page: { limit: number; cursor?: string | undefined },
    ) {
      await get(organizationId, id);
      return readPage({
        kind: `revisions-${id}`,
        limit: page.limit,
        cursor: page.cursor,
        read: (before, limit) =>
          store.deviceRevisions.list({
            organizationId,
            deviceId: id,
            limit,
            ...(before === undefined ? {} : { before: Number(before) }),
          }),
        positionOf: (revision) => String(revision.revision),
      });
    },
  };
}
