import { z } from "zod";
import { commandCalls } from "./commands.ts";
import { digestField, messageField } from "./fields.ts";
import { limits } from "./limits.ts";

/**
 * What applying an object would do to it now. `unknown`: it can't be said, and the message says why (such as the
 * API server's refusal).
 */
export const diffChanges = ["none", "create", "update", "delete", "unknown"] as const;
export type DiffChange = (typeof diffChanges)[number];

/** A Kubernetes object as JSON, without what only the server writes, and with the values of Secrets masked. */
const diffSide = z.record(z.string(), z.unknown());

/** Fields that a newer agent adds are dropped. */
export const diffItem = z.object({
  apiVersion: z.string().max(317),
  kind: z.string().max(63),
  namespace: z.string().max(63).optional(),
  name: z.string().max(253),
  change: z.enum(diffChanges),
  /** What is live; absent where there is nothing, for `none`, and where it is too large. */
  before: diffSide.optional(),
  /** What would be live after an apply. */
  after: diffSide.optional(),
  /** Long texts in them were replaced by their length and a digest, or they were left out as a whole. */
  shortened: z.boolean().optional(),
  message: messageField.optional(),
});
export type DiffItem = z.output<typeof diffItem>;

const podContainer = z.object({
  name: z.string().max(253),
  /** `running`, `waiting`, `terminated` or `unknown`; with the reason where there is one. */
  state: z.string().max(100),
  ready: z.boolean(),
  restarts: z.number().int().min(0),
});

export const podItem = z.object({
  namespace: z.string().max(63),
  name: z.string().max(253),
  phase: z.string().max(63),
  createdAt: z.string().max(64).optional(),
  /** What made it: a Deployment rather than its ReplicaSet. */
  owner: z.object({ kind: z.string().max(63), name: z.string().max(253) }).optional(),
  containers: z.array(podContainer).max(100),
});
export type PodItem = z.output<typeof podItem>;

/**
 * Calls that somebody makes on a live device. An agent names the capability in hello; one that doesn't is never
 * asked. Unlike the other calls of the platform they are answered with the outcome.
 */
export const remoteCalls = {
  /** What differs between what the device should run and what is live on its cluster. Changes nothing. */
  "manifests:diff": {
    capability: "manifests-diff",
    request: z.strictObject({
      /** Of a content the device still has; absent: what it should run now. */
      digest: digestField.optional(),
      /** `next` of the page before; 0 for the first. */
      position: z
        .number()
        .int()
        .min(0)
        .max(limits.bundleObjects * 2),
      /** Leaves `none` out of `items`. */
      changedOnly: z.boolean(),
      /** The page ends when this is over, however many objects it has by then. */
      budgetMs: z.number().int().min(100).max(15_000),
    }),
    response: z.object({
      revision: z.number().int().min(0),
      digest: digestField,
      /** Objects to compare, over all pages. */
      total: z
        .number()
        .int()
        .min(0)
        .max(limits.bundleObjects * 2),
      /** Where the next page begins; null after the last object. */
      next: z.number().int().min(0).nullable(),
      items: z.array(diffItem).max(limits.diffObjects),
    }),
  },
  ...commandCalls,
  /** Pods of the device's cluster whose logs may be asked for. */
  "pods:list": {
    capability: "pod-logs",
    request: z.strictObject({
      /** Absent: all namespaces that the agent sees. */
      namespace: z.string().max(63).optional(),
      /** `next` of the page before. */
      position: z.string().max(4_096).optional(),
      limit: z.number().int().min(1).max(limits.podItems),
    }),
    response: z.object({
      items: z.array(podItem).max(limits.podItems),
      next: z.string().max(4_096).nullable(),
    }),
  },
} as const;

export type RemoteEvent = keyof typeof remoteCalls;

export const isRemoteEvent = (name: unknown): name is RemoteEvent =>
  typeof name === "string" && Object.hasOwn(remoteCalls, name);
