import { Switch } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { useToasts } from "../components/toasts.ts";
import { useMay } from "../session/session.ts";
import { commandSettingsKey, useCommandSettings } from "./command-queries.ts";

/** Whether commands may run in the organisation, or on one device; an administrator turns it. */
export function CommandSwitch({ deviceId }: { deviceId?: string }): ReactNode {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  const may = useMay("admin");
  const params = { path: { id: deviceId ?? "" } };
  const found = useCommandSettings(deviceId);
  const set = useMutation({
    mutationFn: (enabled: boolean) =>
      unwrap(
        deviceId === undefined
          ? api.PUT("/api/v1/command-settings", { body: { enabled } })
          : api.PUT("/api/v1/devices/{id}/command-settings", { params, body: { enabled } }),
      ),
    onSuccess({ enabled }) {
      queries.setQueryData(commandSettingsKey(deviceId), { enabled });
      toasts.add({ title: `Commands are ${enabled ? "on" : "off"} now` });
    },
    onError: (error) => toasts.addError("It could not be changed", error),
  });
  if (found.data === undefined) return null;
  const { enabled } = found.data;
  return (
    <Switch
      id={`command-switch-${deviceId ?? "organization"}`}
      label={deviceId === undefined ? "Commands may run on devices" : "Commands may run on this device"}
      isChecked={enabled}
      isDisabled={!may || set.isPending}
      onChange={(_event, checked) => set.mutate(checked)}
    />
  );
}
