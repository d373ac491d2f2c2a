import { BlockList, isIPv4, isIPv6 } from "node:net";
import { z } from "zod";

/** How a URL writes an IPv6 address: lower case, no leading zeros, the longest run of zeros left out. */
const canonicalIPv6 = (address: string): string => new URL(`http://[${address}]`).hostname.slice(1, -1);

/** The IPv4 address in one that is mapped into IPv6, however it is written. */
function unmapped(canonical: string): string | undefined {
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical) ?? [];
  if (high === undefined || low === undefined) return undefined;
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16BE(Number.parseInt(high, 16), 0);
  bytes.writeUInt16BE(Number.parseInt(low, 16), 2);
  return bytes.join(".");
}

interface Address {
  text: string;
  family: "ipv4" | "ipv6";
  /** Whether it was written as IPv6 and means IPv4. */
  isMapped: boolean;
}

function parseAddress(text: string): Address | undefined {
  if (isIPv4(text)) return { text, family: "ipv4", isMapped: false };
  if (!isIPv6(text) || text.includes("%")) return undefined;
  const canonical = canonicalIPv6(text);
  const ipv4 = unmapped(canonical);
  return ipv4 === undefined
    ? { text: canonical, family: "ipv6", isMapped: false }
    : { text: ipv4, family: "ipv4", isMapped: true };
}

interface Network {
  address: string;
  prefix: number;
  family: "ipv4" | "ipv6";
}

function parseNetwork(text: string): Network | undefined {
  const [host = "", bits, ...more] = text.split("/");
  const address = parseAddress(host);
  if (address === undefined || more.length > 0) return undefined;
  const { family, isMapped } = address;
  const width = family === "ipv4" ? 32 : 128;
  if (bits === undefined) return { address: address.text, prefix: width, family };
  if (!/^(0|[1-9]\d{0,2})$/.test(bits)) return undefined;
  const prefix = Number(bits) - (isMapped ? 96 : 0);
  return prefix < 0 || prefix > width ? undefined : { address: address.text, prefix, family };
}

function formatNetwork({ address, prefix, family }: Network): string {
  return prefix === (family === "ipv4" ? 32 : 128) ? address : `${address}/${prefix}`;
}

/** An address or a network in CIDR notation, IPv4 or IPv6; a mapped one becomes the IPv4 that it means. */
export const networkField = z
  .string()
  .trim()
  .max(64)
  .refine(
    (text) => parseNetwork(text) !== undefined,
    "must be an address or a network such as 192.0.2.0/24 or 2001:db8::/32",
  )
  .transform((text) => {
    const network = parseNetwork(text);
    return network === undefined ? text : formatNetwork(network);
  });

/** Whether an address is in one of the networks; what is no address is in none. */
export function isInNetworks(networks: readonly string[], text: string): boolean {
  const address = parseAddress(text.replace(/%.*$/, ""));
  if (address === undefined) return false;
  const list = new BlockList();
  for (const network of networks.map(parseNetwork)) {
    if (network !== undefined) list.addSubnet(network.address, network.prefix, network.family);
  }
  return list.check(address.text, address.family);
}

/** An address as people know it: mapped ones as IPv4, without a zone. */
export function plainAddress(text: string): string {
  return parseAddress(text.replace(/%.*$/, ""))?.text ?? text;
}
