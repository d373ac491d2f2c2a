import { chmodSync, existsSync, renameSync, rmSync } from "node:fs";
import type { Database } from "./database.ts";
import { EmbeddedMongoError } from "../errors.ts";

/**
 * Writes a copy of the last committed state to a file, which must not exist yet. It is complete or not there:
 * the copy gets its name when it is whole.
 */
export function backupTo(database: Database, file: string): Promise<void> {
  if (existsSync(file)) {
    return Promise.reject(new EmbeddedMongoError("BACKUP_EXISTS", `the backup file ${file} exists already`));
  }
  const partial = `${file}.partial`;
  rmSync(partial, { force: true });
  database.writer.run("VACUUM INTO ?", partial);
  chmodSync(partial, 0o600);
  renameSync(partial, file);
  return Promise.resolve();
}
