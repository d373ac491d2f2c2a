import type { DraftFiles } from "./draft-files.ts";

const kustomization = `# What is built, and in which namespace it goes.
namespace: hello
resources:
  - namespace.yaml
  - web.yaml
configMapGenerator:
  - name: page
    files:
      - index.html
`;

const namespace = `apiVersion: v1
kind: Namespace
metadata:
  name: hello
`;

const web = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  # A variable of the device; 1 where it has none.
  replicas: \${REPLICAS:=1}
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      containers:
        - name: web
          image: docker.io/nginxinc/nginx-unprivileged:stable
          ports:
            - containerPort: 8080
          volumeMounts:
            - name: page
              mountPath: /usr/share/nginx/html
      volumes:
        - name: page
          configMap:
            name: page
`;

const page = `<!doctype html>
<title>Hello</title>
<p>Hello from \${device.name}</p>
`;

/** A template to begin with: renders as it is, and shows a variable and a field of the device. */
export const starterFiles: DraftFiles = new Map([
  ["kustomization.yaml", kustomization],
  ["namespace.yaml", namespace],
  ["web.yaml", web],
  ["index.html", page],
]);
