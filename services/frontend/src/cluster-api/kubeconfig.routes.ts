import { stringify } from "yaml";
import { idParams } from "../http/fields.ts";
import { defineRoute, type Route } from "../http/route.ts";
import type { DevicesService } from "../devices/devices.service.ts";

/** What kubectl runs for its credential: the token is in the environment, and nowhere else. */
const credentialScript =
  `printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s"}}' ` +
  `"\${RCIOTS_TOKEN:?set RCIOTS_TOKEN to an API token of the platform}"`;

export function kubeconfigOf({ id, name, consoleUrl }: { id: string; name: string; consoleUrl: string }) {
  const exec = {
    apiVersion: "client.authentication.k8s.io/v1",
    command: "sh",
    args: ["-c", credentialScript],
    interactiveMode: "Never",
  };
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server: `${consoleUrl}/api/v1/devices/${id}/cluster` } }],
    users: [{ name: "rciots", user: { exec } }],
    contexts: [{ name, context: { cluster: name, user: "rciots" } }],
    "current-context": name,
  });
}

export function kubeconfigRoutes(options: {
  devices: Pick<DevicesService, "get">;
  /** Absent: as the request names it. */
  consoleUrl: string | undefined;
}): Route[] {
  return [
    defineRoute({
      method: "get",
      path: "/devices/{id}/kubeconfig",
      id: "getKubeconfig",
      tag: "Devices",
      summary: "A kubeconfig for the device's cluster",
      description:
        "It holds no secret: kubectl takes an API token from the variable `RCIOTS_TOKEN`. What it may do there is set under remote access, and by the device. kubectl sends tokens over HTTPS only.",
      access: "viewer",
      params: idParams("dev"),
      success: { status: 200, about: "The file.", mediaTypes: ["application/yaml"] },
      problems: [404],
      async handler({ caller, params: { id }, context }) {
        const { name } = await options.devices.get(caller.organizationId, id);
        const text = kubeconfigOf({ id, name, consoleUrl: options.consoleUrl ?? context.origin });
        async function* chunks(): AsyncGenerator<string> {
          yield text;
        }
        return {
          body: undefined,
          headers: { "content-disposition": `attachment; filename="${name}.kubeconfig.yaml"` },
          stream: { contentType: "application/yaml; charset=utf-8", chunks: chunks() },
        };
      },
    }),
  ];
}
