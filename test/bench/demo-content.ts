import type { WorkloadBehaviour } from "./simulated-cluster.ts";

/** Two applications: one whose settings are each device's own, one that is the same everywhere. */
export const demoTemplates = [
  {
    name: "storefront",
    description: "A web shop with the settings of its own site.",
    files: [
      {
        path: "kustomization.yaml",
        content: `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: storefront
resources: [namespace.yaml, deployment.yaml, service.yaml, settings.yaml]
labels:
  - pairs: { app: storefront }
    includeSelectors: true
`,
      },
      {
        path: "namespace.yaml",
        content: `apiVersion: v1
kind: Namespace
metadata:
  name: storefront
`,
      },
      {
        path: "deployment.yaml",
        content: `apiVersion: apps/v1
kind: Deployment
metadata:
  name: storefront
spec:
  replicas: \${replicas:=2}
  template:
    spec:
      containers:
        - name: web
          image: registry.example.com/storefront:1.4.2
          ports: [{ containerPort: 8080 }]
          envFrom:
            - configMapRef: { name: settings }
`,
      },
      {
        path: "service.yaml",
        content: `apiVersion: v1
kind: Service
metadata:
  name: storefront
spec:
  ports: [{ port: 80, targetPort: 8080 }]
`,
      },
      {
        path: "settings.yaml",
        content: `apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  device: \${device.name}
  site: \${device.labels.site}
`,
      },
    ],
  },
  {
    name: "node-exporter",
    description: "Metrics of the machine.",
    files: [
      {
        path: "kustomization.yaml",
        content: `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: default
resources: [daemonset.yaml]
`,
      },
      {
        path: "daemonset.yaml",
        content: `apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: node-exporter
spec:
  selector:
    matchLabels: { app: node-exporter }
  template:
    metadata:
      labels: { app: node-exporter }
    spec:
      containers:
        - name: node-exporter
          image: registry.example.com/node-exporter:1.8.2
`,
      },
    ],
  },
];

const sites = ["berlin", "lisbon", "osaka", "quito", "tampa"];
const tiers = ["store", "store", "warehouse"];

/** Of twenty devices one degrades, one never gets ready and one refuses; the others are well. */
function behaviourOf(index: number): WorkloadBehaviour {
  const kinds: Record<number, WorkloadBehaviour> = { 6: "degraded", 12: "stuck", 18: "refused" };
  return kinds[index % 20] ?? "healthy";
}

export function demoDevices(count: number) {
  return Array.from({ length: count }, (_none, index) => {
    const site = sites[index % sites.length] ?? "berlin";
    const tier = tiers[index % tiers.length] ?? "store";
    return {
      name: `sim-${site}-${String(index + 1).padStart(3, "0")}`,
      labels: { site, tier },
      behaviour: behaviourOf(index),
    };
  });
}
