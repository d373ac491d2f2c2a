import { randomBytes } from "node:crypto";
import { placesKey, type DesiredStateService, type Place } from "@rciots/desired-state";
import { diffChanges, type DiffItem, type PlatformResponse } from "@rciots/protocol";
import { conflict, isAppError } from "@rciots/runtime";
import type { Device, Store } from "@rciots/store";
import { z } from "zod";
import type { Audit } from "../audit/audit.ts";
import { decodeCursor, encodeCursor } from "../http/cursor.ts";
import { objectToYaml } from "../templates/rendered-yaml.ts";
import type { DeviceCalls } from "./device-calls.ts";
import type { DevicesService, MemberActing } from "./devices.service.ts";
import { maskPlaces } from "./masked-places.ts";

export const diffSchema = z
  .object({
    revision: z.number().int(),
    digest: z.string(),
    total: z.number().int().describe("Objects there are to compare."),
    compared: z.number().int().describe("How many of them this answer and those before it looked at."),
    items: z.array(
      z.object({
        apiVersion: z.string(),
        kind: z.string(),
        namespace: z.string().nullable(),
        name: z.string(),
        change: z.enum(diffChanges).describe("`unknown`: it can't be said; `message` says why."),
        before: z.string().nullable().describe("What is live, as YAML."),
        after: z.string().nullable().describe("What would be live after an apply, as YAML."),
        shortened: z
          .boolean()
          .describe("Long texts were replaced or, where both are null, left out as a whole."),
        message: z.string().nullable(),
      }),
    ),
    nextCursor: z.string().nullable().describe("Where to go on; null once everything was compared."),
  })
  .meta({ id: "DeviceDiff" });

export type DeviceDiff = z.input<typeof diffSchema>;
type Page = PlatformResponse<"manifests:diff">;

/** Of one answer: a comparison of thousands of objects goes on with the cursor. */
const maxItems = 500;
const maxBytes = 2_097_152;
const maxDurationMs = 20_000;
/** Of one page that the device makes. */
const pageBudgetMs = 5_000;
const pageTimeoutMs = 15_000;

export type DeviceDiffService = ReturnType<typeof createDeviceDiffService>;

/** Compares what a device should run with what is live on its cluster, by asking its agent. */
export function createDeviceDiffService(options: {
  store: Pick<Store, "deviceRevisions">;
  devices: Pick<DevicesService, "get">;
  calls: DeviceCalls;
  desiredState: Pick<DesiredStateService, "previewRevision">;
  audit: Audit;
}) {
  const { store, devices, calls, desiredState, audit } = options;

  /** Where the revision holds secrets. Nothing is shown of a revision of which that can't be told. */
  async function placesOf(device: Device, revision: number): Promise<Map<string, Place[]>> {
    const { organizationId, _id: deviceId } = device;
    const found = await store.deviceRevisions.get(organizationId, deviceId, revision);
    if (found === null) return new Map();
    return (await desiredState.previewRevision(device, found.inputs)).secretPlaces;
  }

  async function* pagesOf(
    device: Device,
    start: { digest?: string; position: number },
    changedOnly: boolean,
    signal: AbortSignal,
  ): AsyncGenerator<Page> {
    const target = { organizationId: device.organizationId, deviceId: device._id };
    let { digest, position } = start;
    for (;;) {
      const request = {
        position,
        changedOnly,
        budgetMs: pageBudgetMs,
        ...(digest === undefined ? {} : { digest }),
      };
      const callOptions = { timeoutMs: pageTimeoutMs, signal };
      const page = await calls.call(target, "manifests:diff", request, callOptions).catch(asChanged);
      yield page;
      // A device that doesn't get on would be asked for ever.
      if (page.next === null || page.next <= position) return;
      ({ digest, next: position } = { digest: page.digest, next: page.next });
    }
  }

  return {
    /**
     * Looks until everything was compared, or one of the bounds of an answer is reached. Throws what `DeviceCalls`
     * throws, and 409 `device_content_changed` where a cursor's content is no longer the device's.
     */
    async compare(
      acting: MemberActing,
      id: string,
      input: { cursor?: string | undefined; changedOnly: boolean },
    ): Promise<DeviceDiff> {
      const { organizationId } = acting.caller;
      const device = await devices.get(organizationId, id);
      const cursorKind = `diff-${id}`;
      const start = parsePosition(decodeCursor(cursorKind, input.cursor));
      await audit.record(acting, {
        organizationId,
        deviceId: id,
        kind: "device.compared",
        message: `What is live on ${device.name} was compared with what it should run.`,
      });
      const endsAt = performance.now() + maxDurationMs;
      const key = randomBytes(32);
      const items: DeviceDiff["items"] = [];
      let places: Map<string, Place[]> | undefined;
      let last: Page | undefined;
      let bytes = 0;
      for await (const page of pagesOf(device, start, input.changedOnly, acting.context.signal)) {
        places ??= await placesOf(device, page.revision);
        last = page;
        for (const item of page.items) {
          const view = viewItem(item, places, key);
          items.push(view);
          bytes += (view.before?.length ?? 0) + (view.after?.length ?? 0);
        }
        if (items.length >= maxItems || bytes >= maxBytes || performance.now() >= endsAt) break;
      }
      if (last === undefined) throw contentChanged();
      const { revision, digest, total, next } = last;
      const nextCursor = next === null ? null : encodeCursor(cursorKind, `${digest}:${next}`);
      return { revision, digest, total, compared: next ?? total, items, nextCursor };
    },
  };
}

function parsePosition(position: string | undefined): { digest?: string; position: number } {
  if (position === undefined) return { position: 0 };
  const [digest = "", at = ""] = position.split(":");
  return { digest, position: Number(at) };
}

const contentChanged = () =>
  conflict({
    code: "device_content_changed",
    message: "The device should run another content by now; compare it from the beginning.",
  });

function asChanged(error: unknown): never {
  const isGone = isAppError(error) && error.details?.["deviceCode"] === "digest_unknown";
  throw isGone ? contentChanged() : error;
}

function viewItem(
  item: DiffItem,
  places: Map<string, Place[]>,
  key: Uint8Array,
): DeviceDiff["items"][number] {
  const { apiVersion, kind, namespace = null, name, change, shortened = false, message = null } = item;
  const known = places.get(placesKey({ apiVersion, kind, metadata: { name } })) ?? [];
  const yaml = (side: Record<string, unknown> | undefined): string | null =>
    side === undefined ? null : objectToYaml(maskPlaces(side, known, key));
  const sides = { before: yaml(item.before), after: yaml(item.after) };
  return { apiVersion, kind, namespace, name, change, ...sides, shortened, message };
}
