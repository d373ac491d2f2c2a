import { conflict } from "@rciots/runtime";
import type { Store } from "@rciots/store";
import { z } from "zod";
import type { Acting, Audit } from "../audit/audit.ts";
import type { Member } from "../auth/caller.ts";
import type { DevicesService } from "../devices/devices.service.ts";
import { idParams } from "../http/fields.ts";
import { defineRoute, type Route } from "../http/route.ts";

export type CommandSwitches = ReturnType<typeof createCommandSwitches>;

/** Whether commands may run in an organisation, and on each device. The device's own rules stand besides. */
export function createCommandSwitches(options: {
  store: Pick<Store, "commandSwitches">;
  devices: Pick<DevicesService, "get">;
  audit: Audit;
}) {
  const { store, devices, audit } = options;

  async function set(
    acting: Acting & { caller: Member },
    wanted: { id: string; enabled: boolean; what: string; deviceId?: string },
  ): Promise<boolean> {
    const { organizationId } = acting.caller;
    const { id, enabled, what, deviceId } = wanted;
    if ((await store.commandSwitches.isEnabled(organizationId, id)) === enabled) return enabled;
    await store.commandSwitches.set(organizationId, id, enabled);
    await audit.record(acting, {
      organizationId,
      ...(deviceId === undefined ? {} : { deviceId }),
      kind: enabled ? "command.allowed" : "command.forbidden",
      severity: "warning",
      message: `Commands were switched ${enabled ? "on" : "off"} ${what}.`,
      details: { before: { enabled: !enabled }, after: { enabled } },
    });
    return enabled;
  }

  return {
    ofOrganization: (organizationId: string) =>
      store.commandSwitches.isEnabled(organizationId, organizationId),

    async ofDevice(organizationId: string, deviceId: string): Promise<boolean> {
      await devices.get(organizationId, deviceId);
      return store.commandSwitches.isEnabled(organizationId, deviceId);
    },

    setOrganization: (acting: Acting & { caller: Member }, enabled: boolean) =>
      set(acting, { id: acting.caller.organizationId, enabled, what: "in the organisation" }),

    async setDevice(
      acting: Acting & { caller: Member },
      deviceId: string,
      enabled: boolean,
    ): Promise<boolean> {
      const { name } = await devices.get(acting.caller.organizationId, deviceId);
      return set(acting, { id: deviceId, enabled, what: `on ${name}`, deviceId });
    },

    /** Throws 409 where the organisation has switched commands off. */
    async requireOn(organizationId: string): Promise<void> {
      if (await store.commandSwitches.isEnabled(organizationId, organizationId)) return;
      const message = "Commands are switched off in this organisation; an administrator can switch them on.";
      throw conflict({ code: "commands_off", message });
    },
  };
}

const switchSchema = z.object({ enabled: z.boolean() }).meta({ id: "CommandSwitch" });
const body = z.strictObject({ enabled: z.boolean() });
const tag = "Commands";

export function commandSwitchRoutes({ switches }: { switches: CommandSwitches }): Route[] {
  return [
    defineRoute({
      method: "get",
      path: "/command-settings",
      id: "getCommandSettings",
      tag,
      summary: "Whether commands may run in the organisation",
      access: "viewer",
      success: { status: 200, about: "The switch.", schema: switchSchema },
      async handler({ caller }) {
        return { body: { enabled: await switches.ofOrganization(caller.organizationId) } };
      },
    }),
    defineRoute({
      method: "put",
      path: "/command-settings",
      id: "setCommandSettings",
      tag,
      summary: "Switch commands on or off in the organisation",
      description: "What has not begun on a device by then is refused; what runs goes on.",
      access: "admin",
      body,
      success: { status: 200, about: "The switch.", schema: switchSchema },
      async handler({ caller, body: { enabled }, context }) {
        return { body: { enabled: await switches.setOrganization({ caller, context }, enabled) } };
      },
    }),
    defineRoute({
      method: "get",
      path: "/devices/{id}/command-settings",
      id: "getDeviceCommandSettings",
      tag,
      summary: "Whether commands may run on a device",
      access: "viewer",
      params: idParams("dev"),
      success: { status: 200, about: "The switch.", schema: switchSchema },
      problems: [404],
      async handler({ caller, params: { id } }) {
        return { body: { enabled: await switches.ofDevice(caller.organizationId, id) } };
      },
    }),
    defineRoute({
      method: "put",
      path: "/devices/{id}/command-settings",
      id: "setDeviceCommandSettings",
      tag,
      summary: "Switch commands on or off on a device",
      access: "admin",
      params: idParams("dev"),
      body,
      success: { status: 200, about: "The switch.", schema: switchSchema },
      problems: [404],
      async handler({ caller, params: { id }, body: { enabled }, context }) {
        return { body: { enabled: await switches.setDevice({ caller, context }, id, enabled) } };
      },
    }),
  ];
}
