import { z } from "zod";

/** Each item of these lists takes look-ups of its own. */
export const platformLimitField = z.coerce
  .number()
  .int()
  .min(1)
  .max(100)
  .default(50)
  .describe("Items of a page, at most 100.");

export const searchField = z.string().min(1).max(100).optional();
