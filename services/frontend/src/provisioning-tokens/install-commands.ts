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

/** Ready to copy and paste. */
export const installCommandsSchema = z
  .object({
    host: z
      .string()
      .describe("Runs the agent on a host; the cluster is found by KUBECONFIG or the usual places."),
    enrollUrl: z.string(),
    edgeUrl: z.string(),
    caFingerprint: z.string().describe("SHA-256 of the platform's root certificate; what the agent trusts."),
  })
  .meta({ id: "InstallCommands" });

/** Quotes for a POSIX shell. */
function quoted(text: string): string {
  return /^[A-Za-z0-9_.:/@=+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** `token` is null where it is no longer known: it stands as a variable then. */
export function installCommands(options: {
  publicUrls: PublicUrls;
  caFingerprint: string;
  token: string | null;
}): z.input<typeof installCommandsSchema> {
  const { publicUrls, caFingerprint, token } = options;
  // The token goes by the environment: arguments are in the process list for everybody to read.
  const shown = token === null ? '"$RCIOTS_TOKEN"' : quoted(token);
  const host = [
    `RCIOTS_TOKEN=${shown} npx rciots-agent`,
    `--platform-url=${quoted(publicUrls.enroll)}`,
    `--ca-fingerprint=${quoted(caFingerprint)}`,
  ].join(" ");
  return { host, enrollUrl: publicUrls.enroll, edgeUrl: publicUrls.edge, caFingerprint };
}
