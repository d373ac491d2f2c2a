import { MongoServerError, type Collection, type Document } from "mongodb";
import * as generate from "./generate.ts";
import { matches, sortValue } from "./model-query.ts";
import { applyUpdate, Refused } from "./model-update.ts";
import { copy, isObject, order, same, type Json, type JsonObject } from "./model-values.ts";
import type { Random } from "./random.ts";

/** One collection, and what the model says it holds. */
export interface Lane {
  /** Carries out one random operation on both. Throws when they differ. */
  step(): Promise<void>;
  /** Compares every document. */
  compareAll(): Promise<void>;
  /** How often operations were refused by both: a fuzz that never errs tests too little. */
  readonly refusals: () => number;
}

class Difference extends Error {}

/** Names such as "1" come first in a JavaScript object, whatever their order in the document: no model for them. */
class Unmodelled extends Error {}

function hasIndexName(value: Json): boolean {
  if (Array.isArray(value)) return value.some(hasIndexName);
  return (
    isObject(value) && Object.entries(value).some(([name, one]) => /^\d+$/.test(name) || hasIndexName(one))
  );
}

/** The key of an empty array: a value of its own. */
const emptyArray = Symbol("empty array");

export async function createLane(collection: Collection<Document>, random: Random): Promise<Lane> {
  const model = new Map<number, JsonObject>();
  let nextId = 1;
  let refusals = 0;
  await collection.createIndexes([
    { key: { k: 1 }, unique: true, sparse: true },
    { key: { a: 1 } },
    { key: { b: -1, a: 1 } },
    { key: { "n.x": 1 } },
    { key: { tags: 1 } },
    { key: { "list.x": 1, b: 1 }, partialFilterExpression: { a: { $gt: 0 } } },
  ]);

  const differ = (what: string, details: unknown): never => {
    throw new Difference(`${what}: ${JSON.stringify(details)}`);
  };

  const found = (filter: JsonObject): JsonObject[] =>
    [...model.values()].filter((one) => matches(one, filter));

  const ordered = (documents: JsonObject[], sort: Record<string, 1 | -1>): JsonObject[] =>
    [...documents].sort((a, b) => {
      for (const [path, direction] of Object.entries(sort)) {
        const [left, right] = [sortValue(a, path, direction), sortValue(b, path, direction)];
        const result = Number(right.empty) - Number(left.empty) || order(left.value, right.value);
        if (result !== 0) return result * direction;
      }
      return 0;
    });

  /** The sparse unique index: a document counts when the field is there, null included. */
  const keysOf = (document: JsonObject): (Json | typeof emptyArray)[] => {
    const value = document["k"];
    if (value === undefined) return [];
    return Array.isArray(value) ? (value.length === 0 ? [emptyArray] : value) : [value];
  };
  const sameKey = (a: Json | typeof emptyArray, b: Json | typeof emptyArray): boolean =>
    a === emptyArray || b === emptyArray ? a === b : order(a, b) === 0;
  const breaksUnique = (document: JsonObject): boolean =>
    [...model.values()].some(
      (other) =>
        other["_id"] !== document["_id"] &&
        keysOf(other).some((key) => keysOf(document).some((own) => sameKey(key, own))),
    );

  /** Two arrays along one compound index cannot be indexed. */
  const breaksParallel = (document: JsonObject): boolean => {
    if (Array.isArray(document["a"]) && Array.isArray(document["b"])) return true;
    const { b, list } = document;
    const listed = Array.isArray(list) || (isObject(list) && Array.isArray(list["x"]));
    return matches(document, { a: { $gt: 0 } }) && Array.isArray(b) && listed;
  };
  const storable = (document: JsonObject): boolean => !breaksUnique(document) && !breaksParallel(document);

  /** Runs the store's part; true when it refused, as the model expects or not. */
  const attempt = async (
    expected: boolean,
    what: string,
    details: unknown,
    run: () => Promise<void>,
  ): Promise<boolean> => {
    try {
      await run();
    } catch (error) {
      if (!(error instanceof MongoServerError) || error.code === 1) throw error;
      if (!expected) differ(`${what} was refused (${error.code} ${error.message})`, details);
      refusals++;
      return true;
    }
    if (expected) differ(`${what} was not refused`, details);
    return false;
  };

  const insert = async (): Promise<void> => {
    const document = generate.document(
      random,
      nextId > 1 && random.chance(0.1) ? 1 + random.below(nextId - 1) : nextId++,
    );
    const refused = model.has(document["_id"] as number) || !storable(document);
    await attempt(refused, "insert", document, async () => void (await collection.insertOne(copy(document))));
    if (!refused) model.set(document["_id"] as number, document);
  };

  const outcome = (document: JsonObject, update: JsonObject, inserting = false): JsonObject | undefined => {
    try {
      const after = applyUpdate(document, update, inserting);
      if (hasIndexName(after)) throw new Unmodelled();
      return storable(after) ? after : undefined;
    } catch (error) {
      if (error instanceof Refused) return undefined;
      throw error;
    }
  };

  const updateOne = async (): Promise<void> => {
    const id = 1 + random.below(nextId);
    const filter = { _id: id, ...generate.filter(random) };
    const update = generate.update(random);
    const before = found(filter)[0];
    const conflict = outcome({ _id: 0 }, { $set: { unrelated: 1 } }) !== undefined && conflicts(update);
    const after = before ? outcome(before, update) : undefined;
    await attempt(
      conflict || (before !== undefined && after === undefined),
      "updateOne",
      { filter, update, before },
      async () => {
        const result = await collection.updateOne(filter as never, update);
        if (result.matchedCount !== (before ? 1 : 0))
          differ("updateOne matched", { filter, update, before, result });
      },
    );
    if (after && !conflict) model.set(id, after);
    await compareOne(id, { update, before });
  };

  /** Conflicting paths are refused before any document is looked at. */
  const conflicts = (update: JsonObject): boolean => {
    try {
      applyUpdate({ _id: 0 }, update, false);
      return false;
    } catch (error) {
      return error instanceof Refused && error.message === "conflicting paths";
    }
  };

  const compareOne = async (id: number, details: unknown): Promise<void> => {
    const stored = (await collection.findOne({ _id: id as never })) as JsonObject | null;
    if (!same(stored ?? undefined, model.get(id)))
      differ("after the operation", { details, stored, model: model.get(id) });
  };

  const updateMany = async (): Promise<void> => {
    const filter = generate.filter(random);
    const { $rename: _unused, ...update } = generate.update(random);
    for (const fields of Object.values(update)) delete (fields as JsonObject)["k"];
    for (const operator of Object.keys(update))
      if (Object.keys(update[operator] as JsonObject).length === 0) delete update[operator];
    if (Object.keys(update).length === 0 || conflicts(update)) return;
    const before = found(filter);
    const after = before.map((one) => outcome(one, update));
    const refused = after.includes(undefined);
    await attempt(refused, "updateMany", { filter, update }, async () => {
      const result = await collection.updateMany(filter, update);
      if (result.matchedCount !== before.length)
        differ("updateMany matched", { filter, update, expected: before.length, result });
    });
    // After a refusal some are changed and some are not, by an order nobody promises.
    for (const [at, one] of before.entries()) {
      const id = one["_id"] as number;
      const next = after[at];
      if (!refused) model.set(id, next as JsonObject);
      else {
        const stored = (await collection.findOne({ _id: id as never })) as unknown as JsonObject;
        if (!same(stored, one) && !same(stored, next)) differ("updateMany left", { stored, one, next });
        model.set(id, stored);
      }
    }
  };

  const findOneAndUpdate = async (): Promise<void> => {
    const filter = generate.filter(random);
    const sort = generate.sort(random);
    const update = generate.update(random);
    if (conflicts(update)) return;
    const before = ordered(found(filter), sort)[0];
    const after = before ? outcome(before, update) : undefined;
    await attempt(
      before !== undefined && after === undefined,
      "findOneAndUpdate",
      { filter, sort, update, before },
      async () => {
        const result = await collection.findOneAndUpdate(filter, update, { sort, returnDocument: "after" });
        if (!same(result ?? undefined, after))
          differ("findOneAndUpdate gave", { filter, sort, update, before, after, result });
      },
    );
    if (before && after) model.set(before["_id"] as number, after);
  };

  const upsert = async (): Promise<void> => {
    const id = nextId++;
    const update = generate.update(random);
    if (conflicts(update)) return;
    const after = outcome({ _id: id }, update, true);
    await attempt(
      after === undefined,
      "upsert",
      { id, update },
      async () => void (await collection.updateOne({ _id: id as never }, update, { upsert: true })),
    );
    if (after) model.set(id, after);
    await compareOne(id, { update });
  };

  const replace = async (): Promise<void> => {
    const id = 1 + random.below(nextId);
    const { _id, ...rest } = generate.document(random, id);
    const refused = model.has(id) && !storable({ _id: id, ...rest });
    await attempt(
      refused,
      "replaceOne",
      rest,
      async () => void (await collection.replaceOne({ _id: id as never }, copy(rest))),
    );
    if (model.has(id) && !refused) model.set(id, { _id: id, ...rest });
  };

  const remove = async (): Promise<void> => {
    const many = random.chance(0.15);
    const filter = many
      ? { k: { $lt: random.below(3) }, ...generate.filter(random) }
      : { _id: 1 + random.below(nextId), ...generate.filter(random) };
    const gone = found(filter);
    const result = many
      ? await collection.deleteMany(filter as never)
      : await collection.deleteOne(filter as never);
    if (result.deletedCount !== gone.length) differ("delete", { filter, expected: gone.length, result });
    for (const one of gone) model.delete(one["_id"] as number);
  };

  const query = async (): Promise<void> => {
    const filter = generate.filter(random);
    const sort = generate.sort(random);
    const skip = random.below(3);
    const limit = random.below(6);
    const expected = ordered(found(filter), sort).slice(skip, limit > 0 ? skip + limit : undefined);
    const results = (await collection
      .find(filter, { sort, skip, limit, batchSize: 3 })
      .toArray()) as unknown as JsonObject[];
    if (results.length !== expected.length || !results.every((one, at) => same(one, expected[at]))) {
      differ("find", {
        filter,
        sort,
        skip,
        limit,
        expected: expected.map((one) => one["_id"]),
        results: results.map((one) => one["_id"]),
        first: expected.findIndex((one, at) => !same(one, results[at])),
        around: expected.filter((one, at) => !same(one, results[at])).slice(0, 3),
      });
    }
  };

  const count = async (): Promise<void> => {
    const filter = generate.filter(random);
    const result = await collection.countDocuments(filter);
    if (result !== found(filter).length) differ("count", { filter, result, expected: found(filter).length });
  };

  const distinct = async (): Promise<void> => {
    const filter = generate.filter(random);
    const field = random.pick(["a", "b", "tags", "k"]);
    const expected: Json[] = [];
    for (const one of found(filter)) {
      const value = one[field];
      for (const item of Array.isArray(value) ? value : value === undefined ? [] : [value])
        if (!expected.some((other) => same(other, item))) expected.push(item);
    }
    const results = (await collection.distinct(field, filter)) as Json[];
    if (
      results.length !== expected.length ||
      !results.every((one) => expected.some((other) => same(other, one)))
    )
      differ("distinct", { filter, field, expected, results });
  };

  const project = async (): Promise<void> => {
    const names = ["a", "n", "list", "tags"].filter(() => random.chance(0.4));
    const keep = random.chance(0.5);
    if (names.length === 0) return;
    const filter = { _id: 1 + random.below(nextId) };
    const result = (await collection.findOne(filter as never, {
      projection: Object.fromEntries(names.map((name) => [name, keep ? 1 : 0])),
    })) as JsonObject | null;
    const whole = found(filter)[0];
    const expected =
      whole &&
      Object.fromEntries(
        Object.entries(whole).filter(([name]) => name === "_id" || names.includes(name) === keep),
      );
    if (!same(result ?? undefined, expected)) differ("projection", { names, keep, expected, result });
  };

  const weighted = [
    insert,
    insert,
    insert,
    updateOne,
    updateOne,
    updateOne,
    updateOne,
    updateMany,
    findOneAndUpdate,
    findOneAndUpdate,
    upsert,
    replace,
    remove,
    remove,
    query,
    query,
    query,
    query,
    count,
    distinct,
    project,
  ];

  return {
    step: async () => {
      for (;;) {
        try {
          return await random.pick(weighted)();
        } catch (error) {
          // Raised before anything is sent: another operation takes its place.
          if (!(error instanceof Unmodelled)) throw error;
        }
      }
    },
    compareAll: async () => {
      const stored = (await collection.find().sort({ _id: 1 }).toArray()) as unknown as JsonObject[];
      const expected = [...model.values()].sort((a, b) => Number(a["_id"]) - Number(b["_id"]));
      if (stored.length !== expected.length)
        differ("number of documents", { stored: stored.length, expected: expected.length });
      for (const [at, one] of stored.entries())
        if (!same(one, expected[at])) differ("document", { stored: one, expected: expected[at] });
    },
    refusals: () => refusals,
  };
}
