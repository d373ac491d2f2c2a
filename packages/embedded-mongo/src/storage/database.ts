import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { backup, DatabaseSync, type StatementSyncInstance } from "@photostructure/sqlite";
import { EmbeddedMongoError } from "../errors.ts";

export const DATABASE_FILE = "data.sqlite";
const LOCK_FILE = "lock.sqlite";
/** Raised when the layout of the tables changes; a newer file is refused. */
const SCHEMA_VERSION = 1;
/**
 * Pages of 4 KiB in the write-ahead log (64 MiB) before it is copied into the database file: a page changed many
 * times meanwhile is copied once, and the log is still read within a fraction of a second after a crash.
 */
const CHECKPOINT_PAGES = 16_000;

export type SqlValue = null | number | string | Uint8Array;
export type SqlRow = Record<string, SqlValue>;

/** One SQLite connection whose statements are prepared once. */
export interface Connection {
  exec(sql: string): void;
  get(sql: string, ...parameters: SqlValue[]): SqlRow | undefined;
  all(sql: string, ...parameters: SqlValue[]): SqlRow[];
  /** Executes a statement that writes; returns the number of rows it changed. */
  run(sql: string, ...parameters: SqlValue[]): number;
  /** Writes begun on this connection so far: tells whether a piece of work has written anything. */
  writes(): number;
  /** Drops the prepared statements that name this table. */
  forget(table: string): void;
  close(): void;
}

export interface Database {
  readonly writer: Connection;
  /** A connection that sees the last committed state from its first read until it is closed. */
  openSnapshot(): Connection;
  /** Copies the committed state to a file, page by page beside other work. */
  copyTo(file: string): Promise<void>;
  close(): void;
}

/**
 * Opens or creates the database of a data folder (0700) and holds the folder's lock until `close` or the end of
 * the process. Throws EmbeddedMongoError DATA_FOLDER_IN_USE when another process holds it.
 */
export function openDatabase(dataDir: string): Database {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const lock = lockFolder(dataDir);
  const file = join(dataDir, DATABASE_FILE);
  try {
    const writer = openConnection(file);
    writer.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    createSchema(writer, file);
    return {
      writer,
      openSnapshot: () => {
        const connection = openConnection(file);
        connection.exec("BEGIN");
        connection.get("SELECT count(*) AS n FROM meta");
        return connection;
      },
      copyTo: (target) => copySnapshot(file, target),
      close: () => {
        writer.close();
        lock.close();
      },
    };
  } catch (error) {
    lock.close();
    throw error;
  }
}

/** Pages copied between two turns of the event loop. */
const COPY_RATE = 256;

/** From a connection that holds a snapshot: commits of others neither wait for the copy nor begin it anew. */
async function copySnapshot(source: string, target: string): Promise<void> {
  const sqlite = new DatabaseSync(source, { readOnly: true });
  try {
    sqlite.exec("BEGIN");
    sqlite.prepare("SELECT count(*) FROM meta").get();
    await backup(sqlite, target, { rate: COPY_RATE });
  } finally {
    sqlite.close();
  }
}

/**
 * An exclusive lock on a file of its own. The operating system frees it when the process ends in any way, and
 * the data file stays open to the snapshot connections of this process.
 */
export function lockFolder(dataDir: string): { close(): void } {
  const lock = new DatabaseSync(join(dataDir, LOCK_FILE), { timeout: 0 });
  try {
    lock.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE");
    return lock;
  } catch (cause) {
    lock.close();
    throw new EmbeddedMongoError(
      "DATA_FOLDER_IN_USE",
      `the data folder ${dataDir} is in use by another process; one process may use it at a time`,
      { cause },
    );
  }
}

/** WAL with synchronous FULL: a commit returns after its fsync. */
function openConnection(file: string): Connection {
  const sqlite = new DatabaseSync(file, { timeout: 5000, enableForeignKeyConstraints: false });
  sqlite.exec("PRAGMA journal_mode = WAL");
  sqlite.exec("PRAGMA synchronous = FULL; PRAGMA cache_size = -65536; PRAGMA mmap_size = 268435456");
  sqlite.exec("PRAGMA temp_store = MEMORY");
  const statements = new Map<string, StatementSyncInstance>();
  let writes = 0;
  const statement = (sql: string): StatementSyncInstance => {
    let prepared = statements.get(sql);
    if (!prepared) statements.set(sql, (prepared = sqlite.prepare(sql)));
    return prepared;
  };
  return {
    exec: (sql) => {
      if (sql.startsWith("CREATE") || sql.startsWith("DROP")) writes++;
      sqlite.exec(sql);
    },
    get: (sql, ...parameters) => statement(sql).get(...parameters) as SqlRow | undefined,
    all: (sql, ...parameters) => statement(sql).all(...parameters) as SqlRow[],
    run: (sql, ...parameters) => {
      writes++;
      return Number(statement(sql).run(...parameters).changes);
    },
    writes: () => writes,
    forget: (table) => {
      for (const sql of statements.keys()) if (new RegExp(`\\b${table}\\b`).test(sql)) statements.delete(sql);
    },
    close: () => {
      statements.clear();
      sqlite.close();
    },
  };
}

function createSchema(writer: Connection, file: string): void {
  const version = Number(writer.get("PRAGMA user_version")?.["user_version"] ?? 0);
  if (version > SCHEMA_VERSION) {
    throw new EmbeddedMongoError("DATA_TOO_NEW", `${file} was written by a newer version of this store`);
  }
  writer.exec(`
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS collections (
      id INTEGER PRIMARY KEY AUTOINCREMENT, db TEXT NOT NULL, name TEXT NOT NULL, uuid BLOB NOT NULL,
      UNIQUE (db, name));
    CREATE TABLE IF NOT EXISTS indexes (
      id INTEGER PRIMARY KEY AUTOINCREMENT, collection INTEGER NOT NULL, spec BLOB NOT NULL,
      multikey INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE IF NOT EXISTS sessions (
      id TEXT PRIMARY KEY, txn INTEGER NOT NULL, command TEXT NOT NULL, reply BLOB NOT NULL, at INTEGER NOT NULL);
    CREATE INDEX IF NOT EXISTS sessions_at ON sessions (at);
    PRAGMA user_version = ${SCHEMA_VERSION};
    COMMIT;`);
}
