import type { TestCluster } from "../cluster/cluster.ts";

/**
 * Kinds of others that the platform's chart makes objects of, as far as it uses them: unknown fields and values that
 * the real ones refuse are refused here too.
 */

type Schema = Record<string, unknown>;
const text: Schema = { type: "string", minLength: 1 };
const number: Schema = { type: "integer" };
const oneOf = (...values: string[]): Schema => ({ type: "string", enum: values });
const listOf = (items: Schema): Schema => ({ type: "array", minItems: 1, items });
const anything: Schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
const fields = (properties: Record<string, Schema>, required: string[] = []): Schema => ({
  type: "object",
  properties,
  ...(required.length === 0 ? {} : { required }),
});

const parentRefs = listOf(fields({ name: text, namespace: text, sectionName: text }, ["name"]));
const backendRefs = listOf(fields({ name: text, port: number }, ["name", "port"]));

const kinds: { group: string; version: string; kind: string; plural: string; spec: Schema }[] = [
  {
    group: "route.openshift.io",
    version: "v1",
    kind: "Route",
    plural: "routes",
    spec: fields(
      {
        host: text,
        wildcardPolicy: oneOf("None", "Subdomain"),
        to: fields({ kind: oneOf("Service"), name: text, weight: number }, ["kind", "name"]),
        port: fields({ targetPort: text }, ["targetPort"]),
        tls: fields(
          {
            termination: oneOf("edge", "passthrough", "reencrypt"),
            insecureEdgeTerminationPolicy: oneOf("None", "Allow", "Redirect"),
            externalCertificate: fields({ name: text }, ["name"]),
          },
          ["termination"],
        ),
      },
      ["to"],
    ),
  },
  {
    group: "gateway.networking.k8s.io",
    version: "v1alpha2",
    kind: "TLSRoute",
    plural: "tlsroutes",
    spec: fields({ hostnames: listOf(text), parentRefs, rules: listOf(fields({ backendRefs })) }, ["rules"]),
  },
  {
    group: "gateway.networking.k8s.io",
    version: "v1",
    kind: "HTTPRoute",
    plural: "httproutes",
    spec: fields({
      hostnames: listOf(text),
      parentRefs,
      rules: listOf(
        fields({
          matches: listOf(
            fields({
              path: fields({ type: oneOf("Exact", "PathPrefix", "RegularExpression"), value: text }),
            }),
          ),
          backendRefs,
        }),
      ),
    }),
  },
  {
    group: "cert-manager.io",
    version: "v1",
    kind: "Certificate",
    plural: "certificates",
    spec: fields(
      {
        secretName: text,
        dnsNames: listOf(text),
        issuerRef: fields({ name: text, kind: text, group: text }, ["name"]),
        privateKey: fields({
          algorithm: oneOf("RSA", "ECDSA", "Ed25519"),
          size: number,
          rotationPolicy: oneOf("Never", "Always"),
        }),
      },
      ["secretName", "issuerRef"],
    ),
  },
  {
    group: "monitoring.coreos.com",
    version: "v1",
    kind: "ServiceMonitor",
    plural: "servicemonitors",
    spec: fields(
      { selector: anything, endpoints: listOf(fields({ port: text, path: text, interval: text })) },
      ["selector", "endpoints"],
    ),
  },
  {
    group: "monitoring.coreos.com",
    version: "v1",
    kind: "PrometheusRule",
    plural: "prometheusrules",
    spec: fields({
      groups: {
        type: "array",
        items: fields({
          name: text,
          rules: listOf(
            fields({ alert: text, expr: text, for: text, labels: anything, annotations: anything }, ["expr"]),
          ),
        }),
      },
    }),
  },
];

/** Makes the cluster know these kinds; resolves once it does. */
export async function installForeignKinds(cluster: TestCluster): Promise<void> {
  const definitions = kinds.map(({ group, version, kind, plural, spec }) => ({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: `${plural}.${group}`,
      // The groups under k8s.io are guarded.
      annotations: { "api-approved.kubernetes.io": "unapproved, a stand-in for tests" },
    },
    spec: {
      group,
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      scope: "Namespaced",
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: fields({ spec }, ["spec"]) },
        },
      ],
    },
  }));
  await cluster.kubectl(
    ["apply", "--server-side", "-f", "-"],
    JSON.stringify({ apiVersion: "v1", kind: "List", items: definitions }),
  );
  await cluster.kubectl(["wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"]);
}
