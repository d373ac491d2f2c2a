import type { CommandSwitch, Models } from "../models.ts";

/** Where commands were switched off, or on again: in an organisation, or on a device of it. */
export function createCommandSwitchRepository({ commandSwitches }: Models) {
  return {
    /** `id` is the organisation's or the device's. */
    async set(organizationId: string, id: string, enabled: boolean): Promise<void> {
      await commandSwitches.updateOne(
        { _id: id, organizationId },
        { $set: { enabled, changedAt: new Date() } },
        { upsert: true },
      );
    },

    async isEnabled(organizationId: string, id: string): Promise<boolean> {
      const found = await commandSwitches.findOne({ _id: id, organizationId }).lean<CommandSwitch>();
      return found?.enabled ?? true;
    },

    /** Of these, those that are switched off. */
    async disabledOf(organizationId: string, ids: readonly string[]): Promise<Set<string>> {
      const found = await commandSwitches
        .find({ _id: { $in: [...ids] }, organizationId, enabled: false }, { _id: 1 })
        .lean<Pick<CommandSwitch, "_id">[]>();
      return new Set(found.map(({ _id }) => _id));
    },
  };
}
