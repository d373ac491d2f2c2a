import type { FleetSample, Models } from "../models.ts";
import type { FleetCount } from "./devices.repository.ts";

export type FleetSamplePoint = Pick<FleetSample, "at" | "total" | "online" | "healthy">;

/** What the overview's curves are made of. The database deletes samples after a week. */
export function createFleetSampleRepository({ fleetSamples }: Models) {
  return {
    /** One for each organisation and moment: what is there already stays. */
    async insertMany(at: Date, counts: readonly FleetCount[]): Promise<void> {
      if (counts.length === 0) return;
      await fleetSamples.bulkWrite(
        counts.map(({ organizationId, total, online, healthy }) => ({
          updateOne: {
            filter: { _id: `${organizationId}/${at.getTime()}` },
            update: { $setOnInsert: { organizationId, at, total, online, healthy } },
            upsert: true,
          },
        })),
        { ordered: false },
      );
    },

    async has(at: Date): Promise<boolean> {
      return (await fleetSamples.findOne({ at }, { _id: 1 }).lean()) !== null;
    },

    /** From `since` on, in order. */
    async list(organizationId: string, since: Date, limit: number): Promise<FleetSamplePoint[]> {
      return fleetSamples
        .find({ organizationId, at: { $gte: since } }, { _id: 0, organizationId: 0 })
        .sort({ at: 1 })
        .limit(limit)
        .lean<FleetSamplePoint[]>();
    },
  };
}
