import assert from "node:assert/strict";
import { makeKeys } from "./make-keys.ts";
import type { Secret, SecretsClient } from "./secrets-client.ts";

const decode = (value: string | undefined): string => Buffer.from(value ?? "", "base64").toString();

/** Secrets with versions, as an API server keeps them. */
function createSecrets(names: Record<string, Record<string, string>>) {
  const stored = new Map(
    Object.entries(names).map(([name, data]) => [
      name,
      { metadata: { name, resourceVersion: "1" }, data } satisfies Secret as Secret,
    ]),
  );
  let updates = 0;
  const client: SecretsClient = {
    async get(name) {
      const secret = stored.get(name);
      if (secret === undefined) throw new Error(`no ${name}`);
      return structuredClone(secret);
    },
    async update(secret) {
      const { name, resourceVersion } = secret.metadata;
      if (stored.get(name)?.metadata.resourceVersion !== resourceVersion) return false;
      updates += 1;
      stored.set(name, { ...secret, metadata: { name, resourceVersion: `${Number(resourceVersion) + 1}` } });
      return true;
    },
  };
  return { client, dataOf: (name: string) => stored.get(name)?.data ?? {}, updates: () => updates };
}

const say = (): void => undefined;

describe("when keys of Secrets are made", () => {
  it("fills in what is missing, with one password throughout a Secret", async () => {
    const { client, dataOf } = createSecrets({ ca: {}, redis: {} });
    const wanted = {
      ca: { key: "{key}" },
      redis: { url: "redis://:{password}@redis:6379", password: "{password}" },
    };
    await makeKeys({ wanted, client, say });
    assert.equal(Buffer.from(decode(dataOf("ca")["key"]), "base64").length, 32);
    const { url, password } = dataOf("redis");
    assert.equal(decode(url), `redis://:${decode(password)}@redis:6379`);
    assert.match(decode(password), /^[\w-]{32}$/);
  });

  it("changes nothing that is there, and keeps what it doesn't know", async () => {
    const password = Buffer.from("of ours").toString("base64");
    const { client, dataOf, updates } = createSecrets({ redis: { password, note: "eA==" } });
    const wanted = { redis: { password: "{password}", url: "redis://:{password}@redis" } };
    await makeKeys({ wanted, client, say });
    assert.deepEqual(dataOf("redis"), {
      password,
      note: "eA==",
      url: Buffer.from("redis://:of ours@redis").toString("base64"),
    });
    await makeKeys({ wanted, client, say });
    assert.equal(updates(), 1);
  });

  it("makes one key where several do it at once", async () => {
    const { client, dataOf, updates } = createSecrets({ ca: {} });
    const seen: string[] = [];
    const run = async (): Promise<void> => {
      await makeKeys({ wanted: { ca: { key: "{key}" } }, client, say });
      seen.push(decode(dataOf("ca")["key"]));
    };
    await Promise.all([run(), run(), run()]);
    assert.equal(new Set(seen).size, 1);
    assert.equal(updates(), 1);
  });

  it("gives up with a sentence where it never gets through, and passes a refusal on", async () => {
    const { client } = createSecrets({ ca: {} });
    const busy: SecretsClient = { ...client, update: () => Promise.resolve(false) };
    await assert.rejects(
      makeKeys({ wanted: { ca: { key: "{key}" } }, client: busy, say }),
      /changed by somebody/,
    );
    await assert.rejects(makeKeys({ wanted: { other: { key: "{key}" } }, client, say }), /no other/);
  });
});
