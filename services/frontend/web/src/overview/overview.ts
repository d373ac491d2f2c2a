import type { Schema } from "../api/client.ts";

export type Overview = Schema<"Overview">;
export type OverviewEvent = Overview["events"][number];

/** Active devices; what else there is may not connect. */
export const activeOf = ({ devices }: Overview): number => devices.byStatus["active"] ?? 0;
