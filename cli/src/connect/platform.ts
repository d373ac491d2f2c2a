import { readFileSync } from "node:fs";
import { parseFingerprint, proxyFromEnvironment, type ProxyChoice } from "@rciots/runtime";
import { CommandError, exitCodes, type CommandContext } from "../command.ts";
import { configFile, readProfile, type Profile } from "./config-file.ts";

/** How the platform is known: by the system's roots, by others, or by a certificate. */
export type Trust = { kind: "system" } | { kind: "ca"; pem: string } | { kind: "pin"; sha256: string };

/** Where the platform is, how to get there, and who asks. */
export interface Platform {
  url: URL;
  token: string;
  trust: Trust;
  proxyFor: ProxyChoice;
}

export function parseUrl(text: string): URL {
  try {
    const url = new URL(text.includes("://") ? text : `https://${text}`);
    if (url.protocol === "https:" || url.protocol === "http:") return url;
  } catch {
    // Said below.
  }
  throw new CommandError(
    `${JSON.stringify(text)} is no address of a console such as https://console.example.com.`,
  );
}

export function trustOf({ caFile, caFingerprint }: Pick<Profile, "caFile" | "caFingerprint">): Trust {
  if (caFile !== undefined && caFingerprint !== undefined)
    throw new CommandError("--ca-file and --ca-fingerprint exclude each other; give one.");
  try {
    if (caFile !== undefined) return { kind: "ca", pem: readFileSync(caFile, "utf8") };
    if (caFingerprint !== undefined) return { kind: "pin", sha256: parseFingerprint(caFingerprint) };
  } catch (error) {
    throw new CommandError(error instanceof Error ? error.message : String(error));
  }
  return { kind: "system" };
}

/** A token goes in clear over plain HTTP: only on this machine is that nobody's business. */
export function requireSafe({ protocol, hostname }: URL): void {
  const isHere = ["localhost", "127.0.0.1", "[::1]"].includes(hostname) || hostname.endsWith(".localhost");
  if (protocol === "https:" || isHere) return;
  throw new CommandError(`Over http:// everybody on the way could read your token: use https://${hostname}.`);
}

export function proxyOf(env: CommandContext["env"]): ProxyChoice {
  try {
    return proxyFromEnvironment({ ...env });
  } catch (error) {
    throw new CommandError(`The proxy in HTTPS_PROXY ${error instanceof Error ? error.message : ""}.`);
  }
}

/** The environment goes before what `rciots login` has written. */
export function loadPlatform(
  env: CommandContext["env"],
  flags: { caFile?: string | undefined; caFingerprint?: string | undefined },
): Platform {
  const given = (name: string): string | undefined => env[name] || undefined;
  const profile = readProfile(configFile(env));
  const address = given("RCIOTS_URL") ?? profile?.url;
  // The token of one platform is never shown to another.
  const stored = given("RCIOTS_URL") === undefined ? profile : undefined;
  const token = given("RCIOTS_API_TOKEN") ?? stored?.token;
  if (address === undefined || token === undefined) {
    throw new CommandError(
      "Log in first: rciots login https://console.example.com. Or set RCIOTS_URL and RCIOTS_API_TOKEN.",
      exitCodes.refused,
    );
  }
  const url = parseUrl(address);
  requireSafe(url);
  const hasFlags = flags.caFile !== undefined || flags.caFingerprint !== undefined;
  const fromEnv = { caFile: given("RCIOTS_CA_FILE"), caFingerprint: given("RCIOTS_CA_FINGERPRINT") };
  const hasEnv = fromEnv.caFile !== undefined || fromEnv.caFingerprint !== undefined;
  const trusted = hasFlags ? flags : hasEnv ? fromEnv : (stored ?? {});
  return { url, token, trust: trustOf(defined(trusted)), proxyFor: proxyOf(env) };
}

export function defined(given: { caFile?: string | undefined; caFingerprint?: string | undefined }) {
  const { caFile, caFingerprint } = given;
  return {
    ...(caFile === undefined ? {} : { caFile }),
    ...(caFingerprint === undefined ? {} : { caFingerprint }),
  };
}
