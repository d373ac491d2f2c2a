/** A small application whose settings are each device's own: what is delivered differs for every device. */
export function fleetFiles(release: string): { path: string; content: string }[] {
  return [
    {
      path: "kustomization.yaml",
      content: `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: default
resources: [deployment.yaml, settings.yaml]
labels:
  - pairs: { app: bench }
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
  release: "${release}"
`,
    },
    {
      path: "deployment.yaml",
      content: `apiVersion: apps/v1
kind: Deployment
metadata:
  name: application
spec:
  replicas: 2
  selector:
    matchLabels: { app: bench }
  template:
    metadata:
      labels: { app: bench }
    spec:
      containers:
        - name: application
          image: registry.example.com/application:${release}
          env:
            - { name: DEVICE, value: "\${device.name}" }
          envFrom:
            - configMapRef: { name: settings }
`,
    },
  ];
}
