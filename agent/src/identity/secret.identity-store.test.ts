import assert from "node:assert/strict";
import type { Cluster, SecretContent, SecretWrite } from "../kube/cluster.ts";
import { KubeError } from "../kube/kube-error.ts";
import type { IdentityDocument } from "./identity.store.ts";
import { createSecretIdentityStore } from "./secret.identity-store.ts";

const pendingWith = (privateKey: string): IdentityDocument => ({ version: 1, pending: { privateKey } });
const conflict = () =>
  new KubeError({ status: 409, reason: "Conflict", message: "the object has been modified" });

/** One Secret with the API server's rules for versions. */
function createSecretServer() {
  let secret: SecretContent | undefined;
  let version = 0;
  /** The answer to the next write is lost after it was carried out. */
  let losesAnswer = false;
  const write = (data: SecretWrite["data"]): SecretContent => {
    version += 1;
    const entries = Object.entries(data).map(([key, value]) => [key, Buffer.from(value)] as const);
    return (secret = { data: Object.fromEntries(entries), resourceVersion: String(version) });
  };
  const cluster: Pick<Cluster, "readSecret" | "writeSecret"> = {
    readSecret: async () => secret,
    async writeSecret({ data, resourceVersion }) {
      if ((secret?.resourceVersion ?? null) !== (resourceVersion ?? null)) throw conflict();
      const written = write(data);
      if (!losesAnswer) return written;
      losesAnswer = false;
      throw new KubeError({ status: 503, reason: "Unreachable", message: "lost" });
    },
  };
  return {
    cluster,
    touch: () => void (secret = secret && { ...secret, resourceVersion: String((version += 1)) }),
    writeByOther: (text: string) => void write({ "identity.json": text }),
    loseNextAnswer: () => (losesAnswer = true),
  };
}

describe("when the identity is kept in a Secret", () => {
  let server: ReturnType<typeof createSecretServer>;
  beforeEach(() => {
    server = createSecretServer();
  });
  const open = () =>
    createSecretIdentityStore({ cluster: server.cluster, namespace: "rciots-agent", name: "identity" });

  it("is nothing at first, and what was saved afterwards", async () => {
    const store = open();
    assert.equal(await store.load(), undefined);
    await store.save(pendingWith("one"));
    await store.save(pendingWith("two"));
    assert.deepEqual(await open().load(), pendingWith("two"));
  });

  it("keeps another writer's identity and says so", async () => {
    const store = open();
    await store.load();
    await store.save(pendingWith("one"));
    server.writeByOther(JSON.stringify(pendingWith("other")));
    await assert.rejects(store.save(pendingWith("two")), { code: "identity_conflict" });
    assert.deepEqual(await open().load(), pendingWith("other"));
  });

  it("takes no offence at a change of labels, nor at its own lost answer", async () => {
    const store = open();
    await store.load();
    await store.save(pendingWith("one"));
    server.touch();
    await store.save(pendingWith("two"));
    server.loseNextAnswer();
    await assert.rejects(store.save(pendingWith("three")), { code: "kube_unreachable" });
    await store.save(pendingWith("four"));
    assert.deepEqual(await open().load(), pendingWith("four"));
  });

  it("refuses what it can't read", async () => {
    server.writeByOther("{}");
    await assert.rejects(open().load(), { code: "identity_corrupt" });
  });
});
