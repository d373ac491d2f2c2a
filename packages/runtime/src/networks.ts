import { BlockList, isIP } from "node:net";

/** A network in CIDR notation, or one address. */
export interface Network {
  address: string;
  prefix: number;
  family: "ipv4" | "ipv6";
}

/** `10.0.0.0/8`, `192.0.2.7`, `fd00::/8`. Throws an Error that says what is wrong. */
export function parseNetwork(text: string): Network {
  const [address = "", prefixText, ...more] = text.split("/");
  const version = isIP(address);
  const isPrefix = prefixText === undefined || /^\d{1,3}$/.test(prefixText);
  const bits = version === 6 ? 128 : 32;
  const prefix = prefixText === undefined ? bits : Number(prefixText);
  if (version === 0 || !isPrefix || prefix > bits || more.length > 0 || address.includes("%"))
    throw new Error(`must be an IPv4 or IPv6 address or network such as 10.0.0.0/8, not "${text}"`);
  return { address, prefix, family: version === 6 ? "ipv6" : "ipv4" };
}

/** Whether an address is in one of the networks; an IPv4 address inside an IPv6 one counts as the former. */
export function createNetworkMatcher(networks: readonly Network[]): (address: string) => boolean {
  const list = new BlockList();
  for (const { address, prefix, family } of networks) list.addSubnet(address, prefix, family);
  return (address) => {
    const plain = plainAddress(address);
    const version = isIP(plain);
    return version !== 0 && list.check(plain, version === 6 ? "ipv6" : "ipv4");
  };
}

/** Without a zone, and an IPv4 address that is written as an IPv6 one as what it is. */
export function plainAddress(address: string): string {
  const [bare = ""] = address.split("%");
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(bare);
  return mapped?.[1] ?? bare;
}
