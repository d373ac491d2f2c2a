import { readFile } from "node:fs/promises";
import * as os from "node:os";
import type { Facts } from "@rciots/protocol";

const maxAddresses = 32;

/** What the machine says of itself; cheap enough to ask again every hour. Never rejects. */
export async function readHostFacts({ agentVersion }: { agentVersion: string }): Promise<Facts> {
  return {
    hostname: os.hostname(),
    os: await readOsName(),
    kernel: `${os.type()} ${os.release()}`,
    architecture: os.machine(),
    addresses: readAddresses(),
    agentVersion,
    cpuCount: os.cpus().length,
    memoryBytes: os.totalmem(),
  };
}

/** The distribution's own name for itself, or Node's for the platform. */
async function readOsName(): Promise<string> {
  try {
    return parseOsRelease(await readFile("/etc/os-release", "utf8")) ?? os.platform();
  } catch {
    return os.platform();
  }
}

export function parseOsRelease(text: string): string | undefined {
  return /^PRETTY_NAME=(["']?)(.+)\1$/m.exec(text)?.[2];
}

/** Addresses others might reach it by: not loopback, not link-local; IPv4 before IPv6. */
function readAddresses(): string[] {
  const all = Object.values(os.networkInterfaces()).flatMap((entries) => entries ?? []);
  const outward = all.filter(
    ({ internal, address }) => !internal && !address.startsWith("fe80:") && !address.startsWith("169.254."),
  );
  const ordered = [...outward].sort((a, b) => a.family.localeCompare(b.family));
  return [...new Set(ordered.map(({ address }) => address))].slice(0, maxAddresses);
}
