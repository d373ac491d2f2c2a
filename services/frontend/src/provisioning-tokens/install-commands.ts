import { z } from "zod";

/** Where devices find the platform. */
export interface PublicUrls {
  /** Of enrolment, such as `https://enroll.example.com:8443`. */
  enroll: string;
  /** Of the device channel, such as `https://edge.example.com:8444`. */
  edge: string;
  /** Of this API and the console; absent: as the request names it. */
  console?: string;
}

const clusterCommands = {
  openshift: z.string().describe("For `oc`, from the platform's template."),
  kubectl: z.string().describe("For `kubectl`, from the platform's manifests."),
  helm: z.string().describe("For `helm`, from the platform's chart."),
};

/** Ready to copy and paste into a POSIX shell. */
export const installCommandsSchema = z
  .object({
    ...clusterCommands,
    host: z
      .string()
      .describe("Runs the agent on a host; the cluster is found by KUBECONFIG or the usual places."),
    clusterAdmin: z
      .object(clusterCommands)
      .describe("The same for an agent that may do anything in its cluster, not only in its namespaces."),
    enrollUrl: z.string(),
    edgeUrl: z.string(),
    caFingerprint: z.string().describe("SHA-256 of the platform's root certificate; what the agent trusts."),
  })
  .meta({ id: "InstallCommands" });

/** Quotes for a POSIX shell. */
export function shellQuoted(text: string): string {
  return /^[A-Za-z0-9_.:/@=+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

interface Source {
  /** What the cluster's tools fetch from. */
  installUrl: string;
  chartVersion: string;
  /** Null where it is no longer known: it stands as a variable then. */
  token: string | null;
}

/** `token` is null where it is no longer known: it stands as a variable then. */
export function installCommands(options: {
  publicUrls: PublicUrls & { console: string };
  caFingerprint: string;
  chartVersion: string;
  agentVersion: string;
  token: string | null;
}): z.input<typeof installCommandsSchema> {
  const { publicUrls, caFingerprint, agentVersion, token } = options;
  const source: Source = { ...options, installUrl: `${publicUrls.console}/install` };
  return {
    ...clusterCommandsOf(source, "namespaces"),
    host: [
      // The token goes by the environment: arguments are in the process list for everybody to read.
      `RCIOTS_TOKEN=${tokenWord(token)} npx --yes`,
      shellQuoted(`${source.installUrl}/npm/rciots-agent-${agentVersion}.tgz`),
      `--platform-url=${shellQuoted(publicUrls.enroll)}`,
      `--ca-fingerprint=${shellQuoted(caFingerprint)}`,
    ].join(" "),
    clusterAdmin: clusterCommandsOf(source, "cluster-admin"),
    enrollUrl: publicUrls.enroll,
    edgeUrl: publicUrls.edge,
    caFingerprint,
  };
}

const tokenWord = (token: string | null): string => (token === null ? '"$RCIOTS_TOKEN"' : shellQuoted(token));

/** kubectl and Helm take the token on standard input, which the process list doesn't show. */
function clusterCommandsOf({ installUrl, chartVersion, token }: Source, access: string) {
  const isAdmin = access === "cluster-admin";
  const template = shellQuoted(`${installUrl}/openshift-template.yaml`);
  const manifests = shellQuoted(`${installUrl}/kubernetes.yaml${isAdmin ? "?access=cluster-admin" : ""}`);
  const chart = shellQuoted(`${installUrl}/rciots-agent-${chartVersion}.tgz`);
  // Quoted, the shell leaves the text alone.
  const [end, shown] = token === null ? ["EOF", "$RCIOTS_TOKEN"] : ["'EOF'", token];
  const role = isAdmin ? " -p clusterrole=cluster-admin" : "";
  return {
    openshift: `oc process -f ${template} -p token=${tokenWord(token)}${role} | oc create -f -`,
    kubectl: [
      `kubectl apply -f ${manifests} -f - <<${end}`,
      "apiVersion: v1",
      "kind: Secret",
      "metadata: {name: rciots-agent-token, namespace: rciots-agent}",
      `stringData: {token: "${shown}"}`,
      "EOF",
    ].join("\n"),
    helm: [
      `helm upgrade --install rciots-agent ${chart} \\`,
      `  --namespace rciots-agent --create-namespace${isAdmin ? " --set access=cluster-admin" : ""} \\`,
      `  --values - <<${end}`,
      `token: "${shown}"`,
      "EOF",
    ].join("\n"),
  };
}
