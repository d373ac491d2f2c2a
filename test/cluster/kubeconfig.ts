import { writeFile } from "node:fs/promises";

export type KubeconfigUser =
  | { readonly certFile: string; readonly keyFile: string }
  | { readonly token: string }
  | { readonly tokenFile: string };

export interface KubeconfigOptions {
  readonly server: string;
  readonly caPem: string;
  readonly user: KubeconfigUser;
  readonly namespace?: string;
}

/** Writes a kubeconfig with one context (JSON is YAML) that only its owner can read. */
export async function writeKubeconfig(path: string, options: KubeconfigOptions): Promise<void> {
  const { server, caPem, user, namespace = "default" } = options;
  const document = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name: "test",
        cluster: { server, "certificate-authority-data": Buffer.from(caPem).toString("base64") },
      },
    ],
    users: [{ name: "test", user: userEntry(user) }],
    contexts: [{ name: "test", context: { cluster: "test", user: "test", namespace } }],
    "current-context": "test",
  };
  await writeFile(path, JSON.stringify(document, null, 2), { mode: 0o600 });
}

function userEntry(user: KubeconfigUser): Record<string, string> {
  if ("token" in user) return { token: user.token };
  if ("tokenFile" in user) return { tokenFile: user.tokenFile };
  return { "client-certificate": user.certFile, "client-key": user.keyFile };
}
