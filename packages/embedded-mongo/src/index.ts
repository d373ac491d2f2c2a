export { EmbeddedMongoError } from "./errors.ts";
export {
  startEmbeddedMongo,
  type EmbeddedMongo,
  type EmbeddedMongoLogger,
  type EmbeddedMongoOptions,
} from "./embedded-mongo.ts";
export { restoreBackup } from "./restore.ts";
