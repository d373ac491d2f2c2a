import assert from "node:assert/strict";
import type { KubeObject, ListQuery, ObjectPage } from "../kube/cluster.ts";
import { KubeError } from "../kube/kube-error.ts";
import { listPods } from "./pod-list.ts";
import { createLineFilter } from "./pod-logs.ts";

async function filtered(text: string, chunks: readonly string[]): Promise<string> {
  const filter = createLineFilter(text);
  for (const chunk of chunks) filter.write(chunk);
  filter.end();
  const kept: Buffer[] = [];
  for await (const piece of filter) kept.push(piece as Buffer);
  return Buffer.concat(kept).toString();
}

describe("a filter of lines", () => {
  it("keeps whole lines that hold the text in any case, however they were cut", async () => {
    assert.equal(
      await filtered("error", ["an Er", "ROR here\nfine\nno e", "rror\n"]),
      "an ErROR here\nno error\n",
    );
    assert.equal(await filtered("x", ["a\nlast x"]), "last x");
    assert.equal(await filtered("x", ["a\nb\n"]), "");
  });

  it("waits for no end that never comes", async () => {
    const kept = await filtered("needle", [`needle${"x".repeat(70_000)}`, "y\n"]);
    assert.ok(kept.startsWith("needle") && kept.length >= 70_000);
  });
});

const pod = (namespace: string, name: string, rest = {}): KubeObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { namespace, name, ...rest },
  spec: { containers: [{ name: "main" }] },
  status: {
    phase: "Running",
    containerStatuses: [{ name: "main", ready: true, restartCount: 2, state: { running: {} } }],
  },
});

describe("a list of Pods", () => {
  it("names the Deployment behind a Pod, and what its containers do", async () => {
    const owned = pod("shop", "web-abc-1", {
      labels: { "pod-template-hash": "abc" },
      ownerReferences: [{ uid: "1", kind: "ReplicaSet", name: "web-abc", controller: true }],
    });
    const cluster = { list: async (): Promise<ObjectPage> => ({ items: [owned], resourceVersion: "1" }) };
    const page = await listPods({ limit: 10 }, { cluster, namespaces: () => [] });
    assert.deepEqual(page, {
      items: [
        {
          namespace: "shop",
          name: "web-abc-1",
          phase: "Running",
          owner: { kind: "Deployment", name: "web" },
          containers: [{ name: "main", state: "running", ready: true, restarts: 2 }],
        },
      ],
      next: null,
    });
  });

  it("looks into one namespace after the other where it may not look into all", async () => {
    const asked: (string | undefined)[] = [];
    const cluster = {
      async list({ namespace, continue: token }: ListQuery): Promise<ObjectPage> {
        asked.push(namespace);
        if (namespace === undefined || namespace === "closed")
          throw new KubeError({ status: 403, reason: "Forbidden", message: "no" });
        const isFirst = namespace === "shop" && token === undefined;
        const item = pod(namespace, isFirst ? "web" : "other");
        return { items: [item], resourceVersion: "1", continue: isFirst ? "more" : undefined };
      },
    };
    const names: string[] = [];
    let position: string | undefined;
    do {
      const request = { limit: 1, ...(position === undefined ? {} : { position }) };
      const page = await listPods(request, { cluster, namespaces: () => ["closed", "shop", "bar"] });
      names.push(...page.items.map(({ namespace, name }) => `${namespace}/${name}`));
      position = page.next ?? undefined;
    } while (position !== undefined);
    assert.deepEqual(names, ["shop/web", "shop/other", "bar/other"]);
    assert.equal(asked.filter((namespace) => namespace === undefined).length, 1);
  });
});
