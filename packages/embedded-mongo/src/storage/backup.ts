import { chmodSync, existsSync, renameSync, rmSync } from "node:fs";
import { EmbeddedMongoError } from "../errors.ts";
import type { Database } from "./database.ts";

/**
 * Writes a copy of the last committed state to a file (0600), which must not exist yet. The copy gets its name
 * when it is whole. Throws EmbeddedMongoError BACKUP_EXISTS.
 */
export async function backupTo(database: Database, file: string): Promise<void> {
  if (existsSync(file))
    throw new EmbeddedMongoError("BACKUP_EXISTS", `the backup file ${file} exists already`);
  const partial = `${file}.partial`;
  rmSync(partial, { force: true });
  try {
    await database.copyTo(partial);
    chmodSync(partial, 0o600);
    renameSync(partial, file);
  } finally {
    rmSync(partial, { force: true });
  }
}
