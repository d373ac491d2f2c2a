import {
  type AnyBulkWriteOperation,
  type ClientSession,
  Collection,
  Db,
  type Document,
  MongoClient,
  type ClientBulkWriteModel,
} from "mongodb";
import type { Operation } from "./format.ts";

export type Entities = Map<string, unknown>;
type Arguments = Record<string, unknown>;

/** An operation the runner has no code for: counted apart, never as passed. */
export class UnknownOperation extends Error {}

/** Carries out one operation of a test with the driver; gives its result. */
export async function runOperation(operation: Operation, entities: Entities): Promise<unknown> {
  const args = withSession(operation.arguments ?? {}, entities);
  const target = operation.object === "testRunner" ? undefined : entities.get(operation.object);
  if (operation.object === "testRunner") return runnerOperation(operation.name, args, entities);
  if (target instanceof Collection) return collectionOperation(operation.name, target as Collection, args);
  if (target instanceof Db) return databaseOperation(operation.name, target, args);
  if (target instanceof MongoClient) return clientOperation(operation.name, target, args);
  return otherOperation(operation.name, target, args);
}

function withSession(args: Arguments, entities: Entities): Arguments {
  return typeof args["session"] === "string" ? { ...args, session: entities.get(args["session"]) } : args;
}

function without(args: Arguments, ...names: string[]): Arguments {
  const options = Object.fromEntries(Object.entries(args).filter(([name]) => !names.includes(name)));
  if (typeof options["returnDocument"] === "string")
    options["returnDocument"] = options["returnDocument"].toLowerCase();
  return options;
}

async function collectionOperation(name: string, collection: Collection, args: Arguments): Promise<unknown> {
  const filter = args["filter"] as Document;
  const options = without(
    args,
    "filter",
    "update",
    "replacement",
    "document",
    "documents",
    "requests",
    "pipeline",
    "fieldName",
  );
  const update = args["update"] as Document;
  switch (name) {
    case "find":
      return collection.find(filter, options).toArray();
    case "findOne":
      return collection.findOne(filter, options);
    case "insertOne":
      return collection.insertOne(args["document"] as Document, options);
    case "insertMany":
      return collection.insertMany(args["documents"] as Document[], options);
    case "updateOne":
      return collection.updateOne(filter, update, options);
    case "updateMany":
      return collection.updateMany(filter, update, options);
    case "replaceOne":
      return collection.replaceOne(filter, args["replacement"] as Document, options);
    case "deleteOne":
      return collection.deleteOne(filter, options);
    case "deleteMany":
      return collection.deleteMany(filter, options);
    case "findOneAndUpdate":
      return collection.findOneAndUpdate(filter, update, options);
    case "findOneAndReplace":
      return collection.findOneAndReplace(filter, args["replacement"] as Document, options);
    case "findOneAndDelete":
      return collection.findOneAndDelete(filter, options);
    case "bulkWrite":
      return collection.bulkWrite(args["requests"] as AnyBulkWriteOperation[], options);
    case "aggregate":
      return collection.aggregate(args["pipeline"] as Document[], options).toArray();
    case "distinct":
      return collection.distinct(args["fieldName"] as string, filter, options);
    case "countDocuments":
      return collection.countDocuments(filter, options);
    case "estimatedDocumentCount":
      return collection.estimatedDocumentCount(options);
    case "count":
      // The driver's own, deprecated helper sends the command of that name.
      return (collection as unknown as { count(f: Document, o: Document): Promise<number> }).count(
        filter,
        options,
      );
    case "createIndex":
      return collection.createIndex(args["keys"] as Document, without(args, "keys"));
    case "dropIndex":
      return collection.dropIndex(args["name"] as string, without(args, "name"));
    case "listIndexes":
      return collection.listIndexes(options).toArray();
    case "createFindCursor":
      return collection.find(filter, options);
    case "createChangeStream": {
      const stream = collection.watch(args["pipeline"] as Document[], options);
      await stream.tryNext();
      return stream;
    }
    default:
      throw new UnknownOperation(`collection.${name}`);
  }
}

async function databaseOperation(name: string, db: Db, args: Arguments): Promise<unknown> {
  switch (name) {
    case "aggregate":
      return db.aggregate(args["pipeline"] as Document[], without(args, "pipeline")).toArray();
    case "runCommand":
      return db.command(args["command"] as Document, without(args, "command", "commandName"));
    case "createCollection":
      await db.createCollection(args["collection"] as string, without(args, "collection"));
      return undefined;
    case "dropCollection":
      return db.dropCollection(args["collection"] as string, without(args, "collection"));
    case "modifyCollection":
      return db.command({ collMod: args["collection"], ...without(args, "collection") });
    case "listCollections":
      return db.listCollections(args["filter"] as Document, without(args, "filter")).toArray();
    case "listCollectionNames":
      return (await db.listCollections(args["filter"] as Document, { nameOnly: true }).toArray()).map(
        (one) => one.name,
      );
    default:
      throw new UnknownOperation(`database.${name}`);
  }
}

async function clientOperation(name: string, client: MongoClient, args: Arguments): Promise<unknown> {
  switch (name) {
    case "clientBulkWrite": {
      const models = (args["models"] as Record<string, Document>[]).flatMap((model) =>
        Object.entries(model).map(([kind, fields]) => ({ name: kind, ...fields })),
      );
      return client.bulkWrite(models as unknown as ClientBulkWriteModel[], without(args, "models"));
    }
    case "listDatabases":
      return client.db("admin").admin().listDatabases(args);
    case "listDatabaseNames":
      return (
        await client
          .db("admin")
          .admin()
          .listDatabases({ ...args, nameOnly: true })
      ).databases.map((one) => one.name);
    default:
      throw new UnknownOperation(`client.${name}`);
  }
}

interface CursorLike {
  next(): Promise<unknown>;
  close(): Promise<void>;
}

async function otherOperation(name: string, target: unknown, args: Arguments): Promise<unknown> {
  const session = target as ClientSession;
  switch (name) {
    case "startTransaction":
      return void session.startTransaction(args);
    case "commitTransaction":
      return void (await session.commitTransaction(args));
    case "abortTransaction":
      return void (await session.abortTransaction(args));
    case "endSession":
      return session.endSession();
    case "iterateUntilDocumentOrError":
    case "iterateOnce":
      return (target as CursorLike).next();
    case "close":
      return (target as CursorLike).close();
    default:
      throw new UnknownOperation(name);
  }
}

async function runnerOperation(name: string, args: Arguments, entities: Entities): Promise<unknown> {
  switch (name) {
    case "failPoint":
      return (entities.get(args["client"] as string) as MongoClient)
        .db("admin")
        .command(args["failPoint"] as Document);
    case "createEntities":
    default:
      throw new UnknownOperation(`testRunner.${name}`);
  }
}
