import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { DatabaseSync } from "@photostructure/sqlite";
import { MongoClient } from "mongodb";
import { startEmbeddedMongo } from "../../src/index.ts";

export interface KillReport {
  readonly kills: number;
  readonly inserts: number;
  readonly updates: number;
  readonly transactions: number;
  readonly lost: string[];
  readonly integrity: string;
  /** Milliseconds from the start of the store to its first answer, after each kill. */
  readonly restartMs: number[];
}

interface Acknowledged {
  readonly inserts: Set<string>;
  readonly updates: Map<string, number>;
  readonly transactions: Set<string>;
}

/** Starts a writing process and kills it, again and again, then looks for every write it had acknowledged. */
export async function killAgainAndAgain(dataDir: string, kills: number): Promise<KillReport> {
  const acknowledged: Acknowledged = { inserts: new Set(), updates: new Map(), transactions: new Set() };
  const restartMs: number[] = [];
  for (let run = 0; run < kills; run++) restartMs.push(await writeUntilKilled(dataDir, run, acknowledged));
  const lost = await findLost(dataDir, acknowledged);
  return {
    kills,
    inserts: acknowledged.inserts.size,
    updates: acknowledged.updates.size,
    transactions: acknowledged.transactions.size,
    lost,
    integrity: integrityOf(dataDir),
    restartMs,
  };
}

/** Kills after a number of acknowledgements, different in each run, so that it comes at any place of a commit. */
function writeUntilKilled(dataDir: string, run: number, acknowledged: Acknowledged): Promise<number> {
  return new Promise((resolve, reject) => {
    const script = fileURLToPath(new URL("./child.ts", import.meta.url));
    const child = spawn(process.execPath, ["--import", "tsx", script, dataDir, String(run)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let rest = "";
    let ready = 0;
    let seen = 0;
    const enough = 40 + ((run * 37) % 160);
    child.stdout.on("data", (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const [kind, id = "", n = "0"] = line.split(" ");
        seen++;
        if (kind === "R") ready = Number(id);
        else if (kind === "I") acknowledged.inserts.add(id);
        else if (kind === "U") acknowledged.updates.set(id, Number(n));
        else acknowledged.transactions.add(id);
      }
      if (seen >= enough) child.kill("SIGKILL");
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (signal === "SIGKILL") resolve(ready);
      else reject(new Error(`the writing process ended by itself with ${code}`));
    });
  });
}

async function findLost(dataDir: string, acknowledged: Acknowledged): Promise<string[]> {
  const store = await startEmbeddedMongo({ dataDir });
  const client = new MongoClient(store.uri);
  try {
    const db = client.db("kill");
    const items = new Map(
      (await db.collection("items").find().toArray()).map((one) => [String(one._id), one]),
    );
    const pairs = new Set((await db.collection("pairs").find().toArray()).map((one) => String(one._id)));
    const lost: string[] = [];
    for (const id of acknowledged.inserts) if (!items.has(id)) lost.push(`insert ${id}`);
    for (const [id, n] of acknowledged.updates) if (items.get(id)?.["n"] !== n) lost.push(`update ${id}`);
    for (const id of acknowledged.transactions)
      if (!items.has(id) || !pairs.has(id)) lost.push(`transaction ${id}`);
    // What was not acknowledged may be there or not, but a transaction is there in whole or not at all.
    for (const id of items.keys())
      if (id.includes("-t-") && !pairs.has(id)) lost.push(`half of transaction ${id}`);
    for (const [id, one] of items) {
      const byIndex = await db.collection("items").findOne({ code: one["code"] as string });
      if (String(byIndex?._id) !== id) lost.push(`index entry of ${id}`);
    }
    return lost;
  } finally {
    await client.close();
    await store.stop();
  }
}

function integrityOf(dataDir: string): string {
  const sqlite = new DatabaseSync(join(dataDir, "data.sqlite"));
  try {
    return String(
      (sqlite.prepare("PRAGMA integrity_check").get() as { integrity_check: string }).integrity_check,
    );
  } finally {
    sqlite.close();
  }
}
