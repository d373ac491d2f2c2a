import { lookup } from "node:dns/promises";
import { AppError } from "@rciots/runtime";
import ipaddr from "ipaddr.js";
import { quoted } from "../manifest-fault.ts";
import type { GitUrl } from "./git-url.ts";

export type LookUpHost = (host: string) => Promise<string[]>;

/** Every address of a host, in the system's order. */
export async function lookUpHost(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true, verbatim: true });
  return found.map(({ address }) => address);
}

/** True for an address of the public internet; false for private, loopback, link-local, mapped and reserved ones. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed instanceof ipaddr.IPv6 && parsed.isIPv4MappedAddress())
    return parsed.toIPv4Address().range() === "unicast";
  return parsed.range() === "unicast";
}

/**
 * Looks a host up once; the connection must then go to one of the addresses returned, so that a
 * second answer of the name server cannot lead elsewhere. Throws AppError `git_unreachable` or
 * `git_address_not_allowed`, which does not say what the address is.
 */
export async function resolveAddresses(
  { host }: GitUrl,
  allowPrivate: boolean,
  lookUp: LookUpHost,
): Promise<string[]> {
  let addresses: string[];
  try {
    addresses = ipaddr.isValid(host) && host.includes(":") ? [host] : await lookUp(host);
  } catch (cause) {
    throw new AppError({
      code: "git_unreachable",
      status: 502,
      message: `The host ${quoted(host)} cannot be found.`,
      cause,
    });
  }
  // One bad address is enough: which one is connected to is not ours to choose.
  if (addresses.length === 0 || (!allowPrivate && !addresses.every(isPublicAddress))) {
    const message = `The host ${quoted(host)} is not on the public internet, which this platform does not allow for Git.`;
    throw new AppError({ code: "git_address_not_allowed", status: 403, message });
  }
  return addresses;
}
