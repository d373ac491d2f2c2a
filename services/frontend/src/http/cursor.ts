import { badRequest } from "@rciots/runtime";
import { z } from "zod";

export const maxPageSize = 500;

/** Query fields of every list. */
export const pageQuery = {
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(maxPageSize)
    .default(50)
    .describe(`Items of a page, at most ${maxPageSize}.`),
  cursor: z
    .string()
    .max(512)
    .optional()
    .describe("`nextCursor` of the page before; absent for the first page."),
};

export interface Page<Item> {
  items: Item[];
  nextCursor: string | null;
}

export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({
    items: z.array(item),
    nextCursor: z.string().nullable().describe("Pass it as `cursor` for the next page; null on the last."),
  });
}

/**
 * A cursor is where the page before ended. `kind` names the list and its order: a cursor of another list, or of
 * the same one in another order, is refused rather than misread.
 */
export function encodeCursor(kind: string, position: string): string {
  return Buffer.from(JSON.stringify([kind, position]), "utf8").toString("base64url");
}

export function decodeCursor(kind: string, cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const parsed = z.tuple([z.literal(kind), z.string().min(1).max(253)]).safeParse(parseJson(cursor));
  if (!parsed.success) {
    throw badRequest({
      code: "invalid_cursor",
      message: "The cursor is not one that this list gave out; start again without it.",
    });
  }
  return parsed.data[1];
}

function parseJson(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
}

/**
 * Reads one item more than a page holds, so as to know whether there is a next page.
 * `read` gets the position after which to go on and how many to read.
 */
export async function readPage<Item>(options: {
  kind: string;
  limit: number;
  cursor: string | undefined;
  read: (after: string | undefined, limit: number) => Promise<Item[]>;
  positionOf: (item: Item) => string;
}): Promise<Page<Item>> {
  const { kind, limit, cursor, read, positionOf } = options;
  const found = await read(decodeCursor(kind, cursor), limit + 1);
  const items = found.slice(0, limit);
  const last = items.at(-1);
  const hasMore = found.length > limit && last !== undefined;
  return { items, nextCursor: hasMore ? encodeCursor(kind, positionOf(last)) : null };
}

/** The page with each item made into what callers see. */
export function mapPage<From, To>(page: Page<From>, view: (item: From) => To): Page<To> {
  return { items: page.items.map(view), nextCursor: page.nextCursor };
}
