import assert from "node:assert/strict";
import { factsField } from "@rciots/protocol";
import type { Cluster, ResourceType } from "../kube/cluster.ts";
import { readClusterFacts } from "./cluster-facts.ts";
import { parseOsRelease, readHostFacts } from "./host-facts.ts";

describe("when a device says what it is", () => {
  it("is within the contract, with the machine's own numbers", async () => {
    const facts = factsField.parse(await readHostFacts({ agentVersion: "1.2.3" }));
    assert.equal(facts.agentVersion, "1.2.3");
    assert.ok((facts.cpuCount ?? 0) > 0);
    assert.ok((facts.memoryBytes ?? 0) > 1_048_576);
    for (const address of facts.addresses ?? []) assert.doesNotMatch(address, /^(127\.|::1$|fe80:)/);
  });

  it("reads the distribution's name with and without quotes", () => {
    assert.equal(parseOsRelease('ID=x\nPRETTY_NAME="Fedora Linux 44"\n'), "Fedora Linux 44");
    assert.equal(parseOsRelease("PRETTY_NAME=Alpine\n"), "Alpine");
    assert.equal(parseOsRelease("ID=x\n"), undefined);
  });
});

describe("when a device has a cluster", () => {
  const clusterOf = (gitVersion: string, groups: string[]): Pick<Cluster, "version" | "resources"> => ({
    version: async () => ({ gitVersion, platform: "linux/amd64" }),
    resources: async () => groups.map((group) => ({ group }) as ResourceType),
  });
  const kinds: [string, string[], string][] = [
    ["v1.36.1", ["apps"], "kubernetes"],
    ["v1.36.1", ["apps", "route.openshift.io"], "microshift"],
    ["v1.36.1", ["route.openshift.io", "config.openshift.io"], "openshift"],
    ["v1.36.1+k3s1", ["apps"], "k3s"],
  ];
  for (const [version, groups, kind] of kinds) {
    it(`tells ${kind} by what it serves`, async () => {
      const facts = await readClusterFacts(clusterOf(version, groups));
      assert.deepEqual(facts, { clusterKind: kind, clusterVersion: version });
    });
  }

  it("says nothing while its API server is away", async () => {
    const away = { version: () => Promise.reject(new Error("refused")), resources: async () => [] };
    assert.deepEqual(await readClusterFacts(away), {});
  });
});
