import { badRequest, isAppError, toPublicError } from "@rciots/runtime";
import type { Device, Store } from "@rciots/store";
import { decodeCursor, encodeCursor } from "../http/cursor.ts";
import { labelsField } from "../http/fields.ts";
import type { DeviceContentService, Target } from "./device-content.service.ts";
import type { DeviceDirectory } from "./device-directory.ts";
import type { DeviceQuery } from "./device-entry.ts";
import { deviceOrders } from "./device-order.ts";
import type { DevicesService, MemberActing } from "./devices.service.ts";

/** What is done with each device. */
export type BulkAction =
  | { action: "approve"; labels: Record<string, string> }
  | { action: "deny" | "disable" | "enable" }
  | { action: "decommission"; wipeWorkloads: boolean }
  | { action: "set-labels"; labels: Record<string, string | null> }
  | { action: "assign-templates" | "unassign-templates"; templateIds: string[] };

export interface BulkResult {
  id: string;
  /** Null where there is no such device. */
  name: string | null;
  outcome: "changed" | "unchanged" | "failed";
  status: Device["status"] | null;
  error: { code: string; message: string } | null;
}

/** Devices of one step: some seconds on a slow disk. */
export const bulkStepSize = 100;
/** A selection of more is refused: it is too easy to have meant something else. */
export const maxBulkDevices = 10_000;
/** Each device costs several round trips to the store. */
const concurrency = 16;
const cursorKind = "bulk";

export type BulkService = ReturnType<typeof createBulkService>;

/** The same change of many devices, each on its own: one that can't be changed doesn't keep the others from it. */
export function createBulkService(options: {
  store: Pick<Store, "devices">;
  directory: Pick<DeviceDirectory, "list">;
  devices: DevicesService;
  content: DeviceContentService;
}) {
  const { store, directory, devices, content } = options;

  function checkLabels(labels: Record<string, string>): void {
    if (labelsField.safeParse(labels).success) return;
    throw badRequest({ code: "invalid_input", message: "The device would have too many labels." });
  }

  function apply(acting: MemberActing, target: Target, wanted: BulkAction): Promise<Device> {
    switch (wanted.action) {
      case "approve":
        return devices.approve(acting, target, wanted.labels);
      case "deny":
      case "disable":
      case "enable":
        return devices[wanted.action](acting, target);
      case "decommission":
        return devices.decommission(acting, target, wanted.wipeWorkloads);
      case "set-labels":
        return content.patchMap(acting, target, "labels", wanted.labels, checkLabels);
      case "assign-templates":
        return content.changeTemplates(acting, target, { add: wanted.templateIds, remove: [] });
      case "unassign-templates":
        return content.changeTemplates(acting, target, { add: [], remove: wanted.templateIds });
    }
  }

  async function one(acting: MemberActing, id: string, wanted: BulkAction): Promise<BulkResult> {
    const before = await store.devices.find(acting.caller.organizationId, id);
    try {
      const after = await apply(acting, { id, ifMatch: undefined }, wanted);
      const outcome = after.version === before?.version ? "unchanged" : "changed";
      return { id, name: after.name, outcome, status: after.status, error: null };
    } catch (error) {
      if (!isAppError(error) || error.status >= 500) throw error;
      const { code, message } = toPublicError(error);
      return { id, name: before?.name ?? null, outcome: "failed", status: null, error: { code, message } };
    }
  }

  /** In order of `ids`, several at a time. */
  async function each(
    acting: MemberActing,
    ids: readonly string[],
    wanted: BulkAction,
  ): Promise<BulkResult[]> {
    const results: BulkResult[] = [];
    let next = 0;
    async function work(): Promise<void> {
      for (let at = next++; at < ids.length; at = next++) {
        results[at] = await one(acting, ids[at] ?? "", wanted);
      }
    }
    await Promise.all(Array.from({ length: concurrency }, work));
    return results;
  }

  return {
    each,

    /**
     * One step of a selection: at most 100 devices, the newest first. `nextCursor` leads to the next step, so that
     * whoever asks sees how far it is and may stop; a device that no longer matches by then is left out.
     */
    async step(
      acting: MemberActing,
      query: DeviceQuery,
      wanted: BulkAction,
      cursor: string | undefined,
    ): Promise<{ matched: number; results: BulkResult[]; nextCursor: string | null }> {
      const { entries, total } = await directory.list(acting.caller.organizationId, query, {
        sort: "newest",
        after: decodeCursor(cursorKind, cursor),
        limit: bulkStepSize + 1,
      });
      if (total > maxBulkDevices) {
        const message = `${total} devices match, more than the ${maxBulkDevices} that can be changed together; narrow the selection.`;
        throw badRequest({ code: "too_many_devices", message, details: { matched: total } });
      }
      const step = entries.slice(0, bulkStepSize);
      const results = await each(
        acting,
        step.map(({ id }) => id),
        wanted,
      );
      const last = step.at(-1);
      const hasMore = entries.length > step.length && last !== undefined;
      const nextCursor = hasMore ? encodeCursor(cursorKind, deviceOrders.newest.positionOf(last)) : null;
      return { matched: total, results, nextCursor };
    },
  };
}
