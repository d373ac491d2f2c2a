import { existsSync, readFileSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EmbeddedMongoError, startEmbeddedMongo } from "@rciots/embedded-mongo";
import { MongoClient, type Db } from "mongodb";
import { CommandError } from "../command.ts";
import type { BackupFacts } from "./records.ts";

type Env = Readonly<Record<string, string | undefined>>;

const databaseName = "rciots";
const minPassphraseChars = 12;

/** Settings that devices and people know an installation by. */
const settingNames = [
  "RCIOTS_PUBLIC_HOST",
  "RCIOTS_SERVER_NAMES",
  "RCIOTS_ENROLL_URL",
  "RCIOTS_ENROLL_PORT",
  "RCIOTS_EDGE_URL",
  "RCIOTS_EDGE_PORT",
  "RCIOTS_CONSOLE_URL",
  "RCIOTS_TUNNEL_PORTS",
] as const;

export const settingsOf = (env: Env): Record<string, string> =>
  Object.fromEntries(settingNames.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));

const present = (value: string | undefined): string | undefined => (value === "" ? undefined : value);

/** From the variable, or the file that `<name>_FILE` names. */
function given(env: Env, name: string): string | undefined {
  const file = present(env[`${name}_FILE`]);
  try {
    return present(env[name]) ?? (file === undefined ? undefined : readFileSync(file, "utf8").trim());
  } catch {
    throw new CommandError(`${name}_FILE names a file that can't be read: ${file}.`);
  }
}

export function passphraseOf(env: Env): string {
  const passphrase = given(env, "RCIOTS_BACKUP_PASSPHRASE");
  if (passphrase !== undefined && passphrase.length >= minPassphraseChars) return passphrase;
  throw new CommandError(
    `Set RCIOTS_BACKUP_PASSPHRASE, or RCIOTS_BACKUP_PASSPHRASE_FILE, to at least ${minPassphraseChars} characters: a backup holds the platform's keys.`,
  );
}

const keyFiles = { master: "master.key", ca: "ca.key" } as const;
const keySettings = { master: "RCIOTS_MASTER_KEY", ca: "RCIOTS_CA_KEY" } as const;
type KeyName = keyof typeof keyFiles;

const keyFile = (dataDir: string, name: KeyName): string => join(dataDir, "keys", keyFiles[name]);

/** The key that is in force here: of the environment, or of the data folder. */
async function keyHere(env: Env, dataDir: string, name: KeyName): Promise<string | undefined> {
  const file = keyFile(dataDir, name);
  return (
    given(env, keySettings[name]) ?? (existsSync(file) ? (await readFile(file, "utf8")).trim() : undefined)
  );
}

export async function readKeys(env: Env, dataDir: string): Promise<BackupFacts["keys"]> {
  const read = async (name: KeyName): Promise<string> => {
    const key = await keyHere(env, dataDir, name);
    if (key !== undefined) return key;
    throw new CommandError(
      `The platform's key is not there: set ${keySettings[name]}, or name with --data-dir the folder that has keys/${keyFiles[name]}.`,
    );
  };
  return { master: await read("master"), ca: await read("ca") };
}

/** Other keys than the backup's would make everything in it unreadable. */
export async function requireNoOtherKeys(
  keys: BackupFacts["keys"],
  env: Env,
  dataDir: string,
): Promise<void> {
  for (const name of ["master", "ca"] as const) {
    const here = await keyHere(env, dataDir, name);
    if (here !== undefined && here !== keys[name])
      throw new CommandError(
        `Another key than the backup's is set here (${keySettings[name]}, or keys/${keyFiles[name]}): remove it first.`,
      );
  }
}

export async function writeKeys(keys: BackupFacts["keys"], dataDir: string): Promise<void> {
  await mkdir(join(dataDir, "keys"), { recursive: true, mode: 0o700 });
  for (const name of ["master", "ca"] as const)
    await writeFile(keyFile(dataDir, name), `${keys[name]}\n`, { mode: 0o600 });
}

async function connected<T>(uri: string, work: (db: Db) => Promise<T>): Promise<T> {
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: 10_000 });
  try {
    await client.connect().catch((error: unknown) => {
      throw new CommandError(
        `The database can't be reached: ${error instanceof Error ? error.message : String(error)}`,
      );
    });
    return await work(client.db());
  } finally {
    await client.close();
  }
}

/** The embedded store of a data folder, while the platform is stopped. */
async function embedded<T>(dataDir: string, work: (db: Db) => Promise<T>): Promise<T> {
  const store = await startEmbeddedMongo({ dataDir: join(dataDir, "store"), dbName: databaseName }).catch(
    (error: unknown) => {
      if (!(error instanceof EmbeddedMongoError && error.code === "DATA_FOLDER_IN_USE")) throw error;
      throw new CommandError("The platform is running on this data; stop it first.");
    },
  );
  try {
    return await connected(store.uri, work);
  } finally {
    await store.stop();
  }
}

/** The database of the installation: the MongoDB of MONGODB_URI, or the embedded store. */
export function withDatabase<T>(env: Env, dataDir: string, work: (db: Db) => Promise<T>): Promise<T> {
  const uri = given(env, "MONGODB_URI");
  if (uri !== undefined) return connected(uri, work);
  if (existsSync(join(dataDir, "store"))) return embedded(dataDir, work);
  throw new CommandError(
    `There is no installation in ${dataDir}: name its folder with --data-dir, or set MONGODB_URI.`,
  );
}

/** As `withDatabase`, of an installation that isn't there yet. What is left of it where `work` fails is removed. */
export async function withEmptyDatabase<T>(
  env: Env,
  dataDir: string,
  work: (db: Db) => Promise<T>,
): Promise<T> {
  const uri = given(env, "MONGODB_URI");
  if (uri !== undefined) return connected(uri, (db) => filling(db, work));
  const folder = join(dataDir, "store");
  if (existsSync(folder))
    throw new CommandError(`${dataDir} has data already; a backup is restored into an empty installation.`);
  try {
    return await embedded(dataDir, work);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function filling<T>(db: Db, work: (db: Db) => Promise<T>): Promise<T> {
  const there = await db.listCollections({}, { nameOnly: true }).toArray();
  if (there.length > 0)
    throw new CommandError(
      `The database ${db.databaseName} is not empty: it has ${there
        .slice(0, 5)
        .map(({ name }) => name)
        .join(", ")}.`,
    );
  try {
    return await work(db);
  } catch (error) {
    for (const { name } of await db.listCollections({}, { nameOnly: true }).toArray())
      await db.collection(name).drop();
    throw error;
  }
}
