import assert from "node:assert/strict";
import type { ApiClient } from "./api-client.ts";
import { eventually } from "./eventually.ts";

export interface TemplateFile {
  path: string;
  content: string;
}

/** The parts of a device's answer that tests look at. */
export interface DeviceView {
  id: string;
  name: string;
  status: string;
  desired: { revision: number; digest: string | null; error: string | null };
  observed: {
    revision: number;
    digest: string | null;
    state: string | null;
    message: string | null;
    counts: Record<string, number>;
    runningRevision: number | null;
  };
  presence: { online: boolean };
}

export interface ObjectView {
  kind: string;
  name: string;
  namespace?: string;
  health: string;
  applied: string;
  message?: string;
}

/** A token that enrols by itself. */
export async function createToken(api: ApiClient, fields: Record<string, unknown> = {}): Promise<string> {
  const name = `token-${Math.random().toString(36).slice(2, 10)}`;
  const { token } = await api.post<{ token: string }>("/provisioning-tokens", {
    name,
    approval: "automatic",
    ...fields,
  });
  return token;
}

export async function findDevice(api: ApiClient, name: string): Promise<DeviceView> {
  const { items } = await api.get<{ items: DeviceView[] }>(`/devices?limit=100`);
  const found = items.find((device) => device.name === name);
  assert.ok(found, `there is a device ${name}`);
  return found;
}

/** Resolves with the device once it is connected. */
export function deviceOnline(api: ApiClient, name: string): Promise<DeviceView> {
  return eventually(
    async () => {
      const device = await findDevice(api, name);
      assert.equal(device.presence.online, true, `${name} is online`);
      return device;
    },
    { timeoutMs: 40_000, intervalMs: 200 },
  );
}

/** Resolves once the device reports this state for the revision it should run, newer than `afterRevision`. */
export function deviceSettled(
  api: ApiClient,
  id: string,
  options: { state?: string; afterRevision?: number; timeoutMs?: number } = {},
): Promise<DeviceView> {
  const { state = "healthy", afterRevision = 0, timeoutMs = 60_000 } = options;
  return eventually(
    async () => {
      const device = await api.get<DeviceView>(`/devices/${id}`);
      const shown = JSON.stringify({ desired: device.desired, observed: device.observed });
      assert.ok(device.desired.revision > afterRevision, `a revision after ${afterRevision}: ${shown}`);
      assert.equal(device.observed.revision, device.desired.revision, shown);
      assert.equal(device.observed.state, state, shown);
      return device;
    },
    { timeoutMs, intervalMs: 200 },
  );
}

export async function createTemplate(
  api: ApiClient,
  name: string,
  files: TemplateFile[],
  root?: string,
): Promise<string> {
  const { id } = await api.post<{ id: string }>("/templates", {
    name,
    files,
    ...(root === undefined ? {} : { root }),
  });
  return id;
}

export async function assign(api: ApiClient, deviceId: string, ...templateIds: string[]): Promise<void> {
  await api.put(
    `/devices/${deviceId}/templates`,
    templateIds.map((templateId) => ({ templateId })),
  );
}

/** What the device last reported, all pages. */
export async function reportedObjects(api: ApiClient, deviceId: string): Promise<ObjectView[]> {
  const objects: ObjectView[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const page: { items: ObjectView[]; nextCursor: string | null } = await api.get(
      `/devices/${deviceId}/objects?limit=100${cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`}`,
    );
    objects.push(...page.items);
    cursor = page.nextCursor;
  }
  return objects;
}
