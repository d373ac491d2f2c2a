import { ObjectId } from "mongodb";
import type { Random } from "./random.ts";
import type { Json, JsonObject } from "./model-values.ts";

/** Few names and few values, so that conditions meet, types mix and paths conflict. */
const paths = [
  "a",
  "b",
  "tags",
  "n",
  "n.x",
  "n.y",
  "n.x.z",
  "list",
  "list.x",
  "list.y",
  "list.0",
  "tags.1",
  "k",
];
const words = ["", "a", "b", "ab", "é", "z\u{1f600}"];

export function scalar(random: Random): Json {
  switch (random.below(9)) {
    case 0:
      return null;
    case 1:
      return random.chance(0.5);
    case 2:
    case 3:
      return random.pick(words);
    case 4:
      return new Date(random.below(4) * 1000);
    case 5:
      return new ObjectId(random.pick(["64b000000000000000000001", "64b000000000000000000002"]));
    case 6:
      return random.below(7) / 2 - 1;
    default:
      return random.below(6) - 1;
  }
}

export function value(random: Random, depth = 0): Json {
  const kind = random.below(10);
  if (depth > 1 || kind < 6) return scalar(random);
  if (kind < 8)
    return Array.from({ length: random.below(4) }, () =>
      random.chance(0.4) ? object(random, depth + 1) : scalar(random),
    );
  return object(random, depth + 1);
}

function object(random: Random, depth: number): JsonObject {
  const names = random.chance(0.5) ? ["x", "y", "z"] : ["y", "x"];
  return Object.fromEntries(
    names.slice(0, random.below(names.length + 1)).map((name) => [name, value(random, depth)]),
  );
}

export function document(random: Random, id: number): JsonObject {
  const made: JsonObject = { _id: id };
  for (const name of ["a", "b", "tags", "n", "list"]) if (random.chance(0.7)) made[name] = value(random);
  if (random.chance(0.5)) made["k"] = random.below(60);
  if (random.chance(0.5)) made["tags"] = Array.from({ length: random.below(4) }, () => scalar(random));
  return made;
}

function condition(random: Random): Json {
  switch (random.below(15)) {
    case 0:
      return { $ne: value(random) };
    case 1:
      return { $gt: scalar(random) };
    case 2:
      return { $gte: scalar(random), $lt: scalar(random) };
    case 3:
      return { $lte: scalar(random) };
    case 4:
      return { $in: Array.from({ length: random.below(4) }, () => scalar(random)) };
    case 5:
      return { $nin: [scalar(random), scalar(random)] };
    case 6:
      return { $exists: random.chance(0.6) };
    case 7:
      return { $size: random.below(4) };
    case 8:
      return { $all: [scalar(random), scalar(random)].slice(0, 1 + random.below(2)) };
    case 9:
      return {
        $elemMatch: random.chance(0.5)
          ? { $gte: scalar(random), $lt: scalar(random) }
          : { x: scalar(random) },
      };
    case 10:
      return { $not: { $gt: scalar(random) } };
    case 11:
      return { $gt: scalar(random), $lte: scalar(random) };
    default:
      return value(random);
  }
}

export function filter(random: Random, depth = 0): JsonObject {
  const made: JsonObject = {};
  if (depth < 2 && random.chance(0.2)) {
    const operator = random.pick(["$and", "$or", "$nor"]);
    made[operator] = Array.from({ length: 1 + random.below(3) }, () => filter(random, depth + 1));
  }
  const count = random.below(3);
  for (let at = 0; at < count; at++) made[random.pick(paths)] = condition(random);
  return made;
}

function operand(random: Random, operator: string): Json {
  switch (operator) {
    case "$inc":
    case "$mul":
      return random.pick([-1, 0, 1, 2, 0.5]);
    case "$pop":
      return random.pick([1, -1]);
    case "$push":
      return random.chance(0.5) ? value(random) : pushClauses(random);
    case "$addToSet":
      return random.chance(0.5) ? value(random) : { $each: [scalar(random), scalar(random)] };
    case "$pull":
      return random.pick<() => Json>([
        () => scalar(random),
        () => ({ x: scalar(random) }),
        () => ({ $gt: scalar(random) }),
        () => ({ $in: [scalar(random), scalar(random)] }),
      ])();
    case "$pullAll":
      return [scalar(random), scalar(random)];
    case "$unset":
      return "";
    default:
      return value(random);
  }
}

function pushClauses(random: Random): JsonObject {
  const clauses: JsonObject = { $each: Array.from({ length: random.below(3) }, () => scalar(random)) };
  if (random.chance(0.4)) clauses["$position"] = random.below(5) - 2;
  if (random.chance(0.4)) clauses["$sort"] = random.pick([1, -1]);
  if (random.chance(0.4)) clauses["$slice"] = random.below(6) - 3;
  return clauses;
}

const operators = [
  "$set",
  "$set",
  "$unset",
  "$inc",
  "$mul",
  "$min",
  "$max",
  "$push",
  "$addToSet",
  "$pop",
  "$pull",
  "$pullAll",
  "$rename",
  "$setOnInsert",
];

export function update(random: Random): JsonObject {
  const made: JsonObject = {};
  const count = 1 + random.below(3);
  for (let at = 0; at < count; at++) {
    const operator = random.pick(operators);
    const path = random.pick(paths);
    if (operator === "$rename") {
      const target = random.pick(["r", "n.r", "b"]);
      if (target === path || path.startsWith(`${target}.`) || target.startsWith(`${path}.`)) continue;
      made[operator] = { ...(made[operator] as JsonObject | undefined), [path]: target };
    } else
      made[operator] = { ...(made[operator] as JsonObject | undefined), [path]: operand(random, operator) };
  }
  return Object.keys(made).length > 0 ? made : { $set: { a: 1 } };
}

export function sort(random: Random): Record<string, 1 | -1> {
  const made: Record<string, 1 | -1> = {};
  const count = random.below(3);
  for (let at = 0; at < count; at++)
    made[random.pick(["a", "b", "n.x", "tags", "k", "list.x"])] = random.pick([1, -1]);
  return { ...made, _id: 1 };
}
