import { randomBytes } from "node:crypto";
import type { WantedSecrets } from "./config.ts";
import type { SecretsClient } from "./secrets-client.ts";

export interface MakeKeysOptions {
  wanted: WantedSecrets;
  client: SecretsClient;
  say: (message: string) => void;
}

const maxAttempts = 10;
const keyBytes = 32;
/** Of 6 bits each: some 190 bits in all. */
const passwordBytes = 24;

/**
 * Fills in the entries of Secrets that are missing; an entry that is there is never changed, whoever made it. `{key}` is a key of
 * 32 bytes in base64, `{password}` a password, the same one throughout a Secret and its own entry `password`.
 */
export async function makeKeys({ wanted, client, say }: MakeKeysOptions): Promise<void> {
  for (const [name, entries] of Object.entries(wanted)) {
    const made = await fill(name, entries, client);
    say(made.length === 0 ? `${name} is complete` : `made ${made.join(", ")} of ${name}`);
  }
}

async function fill(name: string, entries: Record<string, string>, client: SecretsClient): Promise<string[]> {
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const secret = await client.get(name);
    const data = secret.data ?? {};
    const missing = Object.keys(entries).filter((key) => (data[key] ?? "") === "");
    if (missing.length === 0) return [];
    const known = Buffer.from(data["password"] ?? "", "base64").toString();
    const password = known === "" ? randomBytes(passwordBytes).toString("base64url") : known;
    const made = missing.map((key) => [key, encode(valueOf(entries[key] ?? "", password))] as const);
    // On top of what was read, so that of two that run at once one wins and the other finds its keys.
    if (await client.update({ ...secret, data: { ...data, ...Object.fromEntries(made) } })) return missing;
  }
  throw new Error(`The Secret ${name} was changed by somebody else each time; try again.`);
}

const encode = (value: string): string => Buffer.from(value).toString("base64");

function valueOf(template: string, password: string): string {
  return template
    .replaceAll("{key}", () => randomBytes(keyBytes).toString("base64"))
    .replaceAll("{password}", () => password);
}
