import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useApi } from "../api/api-context.ts";
import { unwrap, type Schema } from "../api/client.ts";
import { useToasts } from "../components/toasts.ts";
import { usePages, type Pages } from "../components/use-pages.ts";
import { appendOutput, noOutput, type Output } from "./output.ts";

export type CommandRun = Schema<"CommandRun">;
export type Execution = Schema<"CommandExecution">;
export type ExecutionState = Execution["state"];

export interface RunFilter {
  q: string;
  state: "" | CommandRun["state"];
}

export const isOver = (state: ExecutionState): boolean => !["pending", "starting", "running"].includes(state);

export function useRuns({ q, state }: RunFilter): Pages<CommandRun> {
  const api = useApi();
  return usePages(["commands", "list", q, state], (cursor, signal) => {
    const query = {
      limit: 50,
      ...(q === "" ? {} : { q }),
      ...(state === "" ? {} : { state }),
      ...(cursor === undefined ? {} : { cursor }),
    };
    return unwrap(api.GET("/api/v1/commands", { params: { query }, signal }));
  });
}

export function useRun(id: string | null) {
  const api = useApi();
  return useQuery({
    queryKey: ["commands", id],
    enabled: id !== null,
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/v1/commands/{id}", { params: { path: { id: id ?? "" } }, signal })),
  });
}

export function useExecutions(
  id: string,
  { q, states }: { q: string; states: ExecutionState[] },
): Pages<Execution> {
  const api = useApi();
  return usePages(["commands", id, "executions", q, ...states], (cursor, signal) => {
    const query = {
      limit: 100,
      ...(q === "" ? {} : { q }),
      ...(states.length === 0 ? {} : { state: states }),
      ...(cursor === undefined ? {} : { cursor }),
    };
    return unwrap(api.GET("/api/v1/commands/{id}/executions", { params: { path: { id }, query }, signal }));
  });
}

export const commandSettingsKey = (deviceId?: string): string[] => [
  "command-settings",
  deviceId ?? "organization",
];

/** Whether commands may run in the organisation, or on one device. */
export function useCommandSettings(deviceId?: string) {
  const api = useApi();
  return useQuery({
    queryKey: commandSettingsKey(deviceId),
    queryFn: ({ signal }) =>
      unwrap(
        deviceId === undefined
          ? api.GET("/api/v1/command-settings", { signal })
          : api.GET("/api/v1/devices/{id}/command-settings", { params: { path: { id: deviceId } }, signal }),
      ),
  });
}

/** What was run on a device, the newest first. */
export function useDeviceCommands(deviceId: string): Pages<Execution> {
  const api = useApi();
  return usePages(["commands", "of-device", deviceId], (cursor, signal) => {
    const query = { limit: 50, ...(cursor === undefined ? {} : { cursor }) };
    const path = { id: deviceId };
    return unwrap(api.GET("/api/v1/devices/{id}/commands", { params: { path, query }, signal }));
  });
}

/** Reads on from where it was each time that a hint says there is more. */
export function useOutput({ id, runId }: Pick<Execution, "id" | "runId">) {
  const api = useApi();
  const queries = useQueryClient();
  const queryKey = ["commands", runId, "output", id];
  return useQuery({
    queryKey,
    queryFn: async ({ signal }): Promise<Output> => {
      let output = queries.getQueryData<Output>(queryKey) ?? noOutput;
      for (;;) {
        const params = { path: { id }, query: { from: output.nextOffset } };
        const page = await unwrap(api.GET("/api/v1/command-executions/{id}/output", { params, signal }));
        output = appendOutput(output, page.parts, page.nextOffset);
        if (!page.hasMore) return output;
        // The next hint ends this reading and begins another: what was read must not be read again.
        queries.setQueryData<Output>(queryKey, output);
      }
    },
  });
}

export function useCancelRun(id: string) {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  return useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/commands/{id}/cancel", { params: { path: { id } } })),
    async onSuccess() {
      toasts.add({ title: "The command is being cancelled", variant: "info" });
      await queries.invalidateQueries({ queryKey: ["commands"] });
    },
  });
}

export function useCancelExecution() {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  return useMutation({
    mutationFn: ({ id }: Execution) =>
      unwrap(api.POST("/api/v1/command-executions/{id}/cancel", { params: { path: { id } } })),
    async onSuccess({ deviceName }) {
      toasts.add({ title: `It is being cancelled on ${deviceName}`, variant: "info" });
      await queries.invalidateQueries({ queryKey: ["commands"] });
    },
    onError: (error) => toasts.addError("It could not be cancelled", error),
  });
}

/** The same once more. */
export function useRepeat(onStarted: (run: CommandRun) => void) {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  return useMutation({
    mutationFn: (id: string) =>
      unwrap(api.POST("/api/v1/commands/{id}/repeat", { params: { path: { id } } })),
    async onSuccess(run) {
      toasts.add({ title: `"${run.title}" was started again` });
      await queries.invalidateQueries({ queryKey: ["commands"] });
      onStarted(run);
    },
    onError: (error) => toasts.addError("It could not be started again", error),
  });
}
