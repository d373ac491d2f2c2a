import type { TestCluster } from "../cluster/cluster.ts";
import { eventually } from "../harness/eventually.ts";

/**
 * Lets nobody change a ConfigMap's `data.text` to anything but `text`, dry runs excepted: what is edited by hand stays
 * for as long as a test looks at it. Resolves to what takes the policy away again.
 */
export async function keepFromCorrecting(
  cluster: TestCluster,
  { namespace, name, text }: { namespace: string; name: string; text: string },
): Promise<() => Promise<void>> {
  const policy = `keep-${name}`;
  const isDone = `has(object.data) && object.data.text == '${text}'`;
  const objects = [
    {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingAdmissionPolicy",
      metadata: { name: policy },
      spec: {
        failurePolicy: "Fail",
        matchConstraints: {
          resourceRules: [
            { apiGroups: [""], apiVersions: ["v1"], operations: ["UPDATE"], resources: ["configmaps"] },
          ],
        },
        matchConditions: [
          {
            name: "one",
            expression: `object.metadata.name == '${name}' && request.namespace == '${namespace}'`,
          },
        ],
        validations: [{ expression: `request.dryRun == true || (${isDone})`, message: "kept as it is" }],
      },
    },
    {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingAdmissionPolicyBinding",
      metadata: { name: policy },
      spec: { policyName: policy, validationActions: ["Deny"] },
    },
  ];
  await cluster.kubectl(
    ["apply", "-f", "-"],
    objects.map((object) => JSON.stringify(object)).join("\n---\n"),
  );
  // The API server begins to ask a new policy a moment after it was made.
  const label = ["-n", namespace, "label", "--overwrite", "configmap", name];
  await eventually(
    async () => {
      const isRefused = await cluster.kubectl([...label, `probe=p${Date.now()}`]).then(
        () => false,
        (error: unknown) => String(error).includes("kept as it is"),
      );
      if (!isRefused) throw new Error("the policy is not in force yet");
    },
    { timeoutMs: 30_000, intervalMs: 200 },
  );
  return async () => {
    await cluster.kubectl(["delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", policy]);
  };
}
