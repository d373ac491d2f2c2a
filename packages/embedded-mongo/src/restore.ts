import { copyFileSync, chmodSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "@photostructure/sqlite";
import { EmbeddedMongoError } from "./errors.ts";
import { DATABASE_FILE, lockFolder } from "./storage/database.ts";

/**
 * Puts a backup in the place of a data folder's database. No store may be running on the folder; what the folder
 * held before is replaced. Throws EmbeddedMongoError DATA_FOLDER_IN_USE or BACKUP_DAMAGED.
 */
export function restoreBackup(options: { backupFile: string; dataDir: string }): void {
  const { backupFile, dataDir } = options;
  checkBackup(backupFile);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const lock = lockFolder(dataDir);
  try {
    const target = join(dataDir, DATABASE_FILE);
    const partial = `${target}.restoring`;
    copyFileSync(backupFile, partial);
    chmodSync(partial, 0o600);
    for (const suffix of ["-wal", "-shm"]) rmSync(target + suffix, { force: true });
    renameSync(partial, target);
  } finally {
    lock.close();
  }
}

function checkBackup(file: string): void {
  if (!existsSync(file)) throw new EmbeddedMongoError("BACKUP_MISSING", `there is no backup file ${file}`);
  try {
    const backup = new DatabaseSync(file, { readOnly: true });
    try {
      const row = backup.prepare("PRAGMA integrity_check").get() as { integrity_check?: string };
      if (row.integrity_check !== "ok") throw new Error(String(row.integrity_check));
      backup.prepare("SELECT count(*) FROM collections").get();
    } finally {
      backup.close();
    }
  } catch (cause) {
    throw new EmbeddedMongoError("BACKUP_DAMAGED", `${file} is not a whole backup of this store`, { cause });
  }
}
