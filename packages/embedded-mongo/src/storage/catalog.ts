import { randomUUID } from "node:crypto";
import { decodeDocument } from "../bson/decode.ts";
import type { Encoder } from "../bson/encode.ts";
import type { Connection } from "./database.ts";
import { parseIndexSpec, type IndexDefinition } from "./index-spec.ts";

export interface Index extends IndexDefinition {
  readonly id: number;
  /** The SQLite table of its entries: key, rid. */
  readonly table: string;
  /** Some document's array was indexed by its elements; the index then gives no order. */
  multikey: boolean;
  /** The commit that created it; snapshots taken before cannot use it. */
  readonly since: number;
}

export interface Collection {
  readonly id: number;
  readonly db: string;
  readonly name: string;
  /** `db.name` */
  readonly ns: string;
  readonly uuid: Uint8Array;
  readonly table: string;
  readonly indexes: Index[];
  readonly since: number;
  /** The next document number; never lower than one already used in this run. */
  nextRid: number;
  /** Number of documents; undefined until it is asked for. */
  count: number | undefined;
  dropped: boolean;
}

/** The collections and indexes there are; the truth is in SQLite, this is its image in memory. */
export interface Catalog {
  find(db: string, name: string): Collection | undefined;
  list(db?: string): Collection[];
  databases(): string[];
  createCollection(db: string, name: string): Collection;
  dropCollection(collection: Collection): void;
  renameCollection(collection: Collection, db: string, name: string): Collection;
  addIndex(collection: Collection, definition: IndexDefinition): Index;
  dropIndex(collection: Collection, index: Index): void;
  markMultikey(index: Index): void;
  /** Reads everything anew, after a rollback that may have taken back changes of the catalog. */
  reload(): void;
}

export function createCatalog(options: {
  connection: Connection;
  encoder: Encoder;
  /** The number of the commit under way. */
  currentCommit: () => number;
}): Catalog {
  const { connection, encoder, currentCommit } = options;
  const collections = new Map<string, Collection>();

  const loadIndexes = (collection: Collection): void => {
    const rows = connection.all(
      "SELECT id, spec, multikey FROM indexes WHERE collection = ? ORDER BY id",
      collection.id,
    );
    for (const row of rows) {
      const definition = parseIndexSpec(decodeDocument(row["spec"] as Uint8Array));
      const id = Number(row["id"]);
      collection.indexes.push({
        ...definition,
        id,
        table: `i_${id}`,
        multikey: row["multikey"] === 1,
        since: 0,
      });
    }
  };

  const load = (): void => {
    const known = new Map([...collections.values()].map((collection) => [collection.id, collection]));
    collections.clear();
    for (const row of connection.all("SELECT id, db, name, uuid FROM collections ORDER BY id")) {
      const id = Number(row["id"]);
      // The object of before is kept: cursors hold it.
      const loaded =
        known.get(id) ??
        collectionOf(id, String(row["db"]), String(row["name"]), row["uuid"] as Uint8Array, 0);
      const top = connection.get(`SELECT max(rid) AS top FROM ${loaded.table}`)?.["top"];
      loaded.nextRid = Math.max(Number(top ?? 0) + 1, loaded.nextRid);
      loaded.count = undefined;
      loaded.indexes.length = 0;
      loadIndexes(loaded);
      collections.set(loaded.ns, loaded);
      known.delete(id);
    }
    for (const gone of known.values()) gone.dropped = true;
  };
  load();

  const dropTable = (table: string): void => {
    connection.forget(table);
    connection.exec(`DROP TABLE ${table}`);
  };

  const dropIndex = (collection: Collection, index: Index): void => {
    dropTable(index.table);
    connection.run("DELETE FROM indexes WHERE id = ?", index.id);
    collection.indexes.splice(collection.indexes.indexOf(index), 1);
  };

  return {
    find: (db, name) => collections.get(`${db}.${name}`),
    list: (db) => [...collections.values()].filter((collection) => db === undefined || collection.db === db),
    databases: () => [...new Set([...collections.values()].map((collection) => collection.db))].sort(),
    createCollection: (db, name) => {
      const uuid = Buffer.from(randomUUID().replaceAll("-", ""), "hex");
      connection.run("INSERT INTO collections (db, name, uuid) VALUES (?, ?, ?)", db, name, uuid);
      const id = Number(connection.get("SELECT last_insert_rowid() AS id")?.["id"]);
      const created = collectionOf(id, db, name, uuid, currentCommit());
      connection.exec(
        `CREATE TABLE ${created.table} (rid INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, doc BLOB NOT NULL)`,
      );
      collections.set(created.ns, created);
      return created;
    },
    dropCollection: (collection) => {
      for (const index of [...collection.indexes]) dropIndex(collection, index);
      dropTable(collection.table);
      connection.run("DELETE FROM collections WHERE id = ?", collection.id);
      collections.delete(collection.ns);
      collection.dropped = true;
    },
    renameCollection: (collection, db, name) => {
      connection.run("UPDATE collections SET db = ?, name = ? WHERE id = ?", db, name, collection.id);
      collections.delete(collection.ns);
      const renamed = { ...collection, db, name, ns: `${db}.${name}` };
      collection.dropped = true;
      collections.set(renamed.ns, renamed);
      return renamed;
    },
    addIndex: (collection, definition) => {
      connection.run(
        "INSERT INTO indexes (collection, spec) VALUES (?, ?)",
        collection.id,
        encoder.encode(definition.spec),
      );
      const id = Number(connection.get("SELECT last_insert_rowid() AS id")?.["id"]);
      const index: Index = { ...definition, id, table: `i_${id}`, multikey: false, since: currentCommit() };
      connection.exec(
        `CREATE TABLE ${index.table} (key BLOB NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY (key, rid)) WITHOUT ROWID`,
      );
      collection.indexes.push(index);
      return index;
    },
    dropIndex,
    markMultikey: (index) => {
      if (index.multikey) return;
      index.multikey = true;
      connection.run("UPDATE indexes SET multikey = 1 WHERE id = ?", index.id);
    },
    reload: load,
  };
}

function collectionOf(id: number, db: string, name: string, uuid: Uint8Array, since: number): Collection {
  return {
    id,
    db,
    name,
    ns: `${db}.${name}`,
    uuid,
    table: `d_${id}`,
    indexes: [],
    since,
    nextRid: 1,
    count: undefined,
    dropped: false,
  };
}
