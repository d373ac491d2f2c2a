import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useApi } from "../api/api-context.ts";
import { ifMatch, unwrap, type Api, type Schema } from "../api/client.ts";
import { problemOf } from "../api/problem.ts";
import { useToasts } from "../components/toasts.ts";
import { deviceKey, type Device } from "./use-device.ts";

/** Somebody else was faster. */
export interface Conflict {
  /** As it is now. */
  device: Device;
  /** The newest change by a person or program; null where none is on record. */
  event: Schema<"Event"> | null;
}

export interface DeviceChange<Input> {
  /** `version` is the one that the person saw when the change began. */
  save: (input: Input, version: number) => void;
  /** After a conflict: makes the same change on what is there now. */
  saveAnyway: () => void;
  isPending: boolean;
  /** Why it was refused, other than by a conflict. */
  error: unknown;
  conflict: Conflict | null;
  reset: () => void;
}

interface Options<Input> {
  device: Pick<Device, "id">;
  send: (input: Input, headers: ReturnType<typeof ifMatch>) => Promise<Device>;
  /** Of the toast that tells it is done. */
  done: string;
  onDone?: (device: Device) => void;
}

async function findConflict(api: Api, id: string): Promise<Conflict> {
  const path = { path: { id } };
  const [device, events] = await Promise.all([
    unwrap(api.GET("/api/v1/devices/{id}", { params: path })),
    unwrap(
      api.GET("/api/v1/devices/{id}/events", {
        params: { ...path, query: { limit: 20, connections: "false" } },
      }),
    ),
  ]);
  const event = events.items.find(({ actor }) => actor.kind === "user" || actor.kind === "api-token");
  return { device, event: event ?? null };
}

/** A change of a device that never overwrites, unseen, what somebody else did meanwhile. */
export function useDeviceChange<Input>({ device, send, done, onDone }: Options<Input>): DeviceChange<Input> {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  const mutation = useMutation({
    async mutationFn({ input, version }: { input: Input; version: number }) {
      try {
        return { device: await send(input, ifMatch(version)) };
      } catch (error) {
        if (problemOf(error).status !== 412) throw error;
        return { conflict: await findConflict(api, device.id) };
      }
    },
    onSuccess(result) {
      if (result.device === undefined) return;
      queries.setQueryData(deviceKey(device.id), result.device);
      void queries.invalidateQueries({ queryKey: ["devices"] });
      toasts.add({ title: done });
      onDone?.(result.device);
    },
  });
  const conflict = mutation.data?.conflict ?? null;
  return {
    save: (input, version) => mutation.mutate({ input, version }),
    saveAnyway() {
      if (conflict === null || mutation.variables === undefined) return;
      mutation.mutate({ input: mutation.variables.input, version: conflict.device.version });
    },
    isPending: mutation.isPending,
    error: mutation.error,
    conflict: mutation.isPending ? null : conflict,
    reset: mutation.reset,
  };
}
