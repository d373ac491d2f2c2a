import type { Api, ifMatch } from "../api/client.ts";
import { unwrap } from "../api/client.ts";
import type { Device } from "./use-device.ts";

export type StepName = "approve" | "deny" | "disable" | "enable" | "unpin";

export interface Step {
  label: string;
  question: (device: Device) => string;
  consequence: (device: Device) => string;
  done: (device: Device) => string;
  /** Why it can't be done now; undefined where it can. */
  reason: (device: Device) => string | undefined;
  isDanger?: boolean;
  send: (api: Api, device: Device, headers: ReturnType<typeof ifMatch>) => Promise<Device>;
}

const only =
  (statuses: Device["status"][], words: string) =>
  ({ status }: Device): string | undefined =>
    statuses.includes(status) ? undefined : `Only ${words} can be.`;

/** Steps in a device's life that need no more than a yes. */
export const steps: Record<StepName, Step> = {
  approve: {
    label: "Approve",
    question: ({ name }) => `Approve ${name}?`,
    consequence: () => "It gets its certificate when it asks next, and then what is assigned to it.",
    done: ({ name }) => `${name} was approved`,
    reason: only(["pending", "denied"], "a pending or denied device"),
    send: (api, { id }, headers) =>
      unwrap(
        api.POST("/api/v1/devices/{id}/approve", { params: { path: { id } }, headers, body: { labels: {} } }),
      ),
  },
  deny: {
    label: "Deny",
    question: ({ name }) => `Deny ${name}?`,
    consequence: () => "It gets no certificate. You may approve it later after all.",
    done: ({ name }) => `${name} was denied`,
    reason: only(["pending"], "a pending device"),
    send: (api, { id }, headers) =>
      unwrap(api.POST("/api/v1/devices/{id}/deny", { params: { path: { id } }, headers })),
  },
  disable: {
    label: "Disable",
    question: ({ name }) => `Disable ${name}?`,
    consequence: () => "Its session ends at once and it is kept out. What it runs goes on running.",
    done: ({ name }) => `${name} was disabled`,
    reason: only(["active"], "an active device"),
    send: (api, { id }, headers) =>
      unwrap(api.POST("/api/v1/devices/{id}/disable", { params: { path: { id } }, headers })),
  },
  enable: {
    label: "Enable",
    question: ({ name }) => `Enable ${name}?`,
    consequence: () => "It is let in again, and comes back within a minute.",
    done: ({ name }) => `${name} was enabled`,
    reason: only(["disabled"], "a disabled device"),
    send: (api, { id }, headers) =>
      unwrap(api.POST("/api/v1/devices/{id}/enable", { params: { path: { id } }, headers })),
  },
  unpin: {
    label: "End the rollback",
    question: ({ name }) => `Let ${name} follow its templates again?`,
    consequence: ({ pinnedRevision }) =>
      `The content of revision ${pinnedRevision ?? ""} is no longer held; the device gets what its templates say now.`,
    done: ({ name }) => `${name} follows its templates again`,
    reason: ({ pinnedRevision }) =>
      pinnedRevision === null ? "The device is not held at an earlier revision." : undefined,
    send: (api, { id }, headers) =>
      unwrap(api.POST("/api/v1/devices/{id}/unpin", { params: { path: { id } }, headers })),
  },
};
