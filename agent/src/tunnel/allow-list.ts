import { isIP } from "node:net";
import { createNetworkMatcher, parseNetwork, plainAddress, type Network } from "@rciots/runtime";

/** Where the platform may have this device connect to; asked with an address that a name was resolved to. */
export interface AllowList {
  allows(address: string, port: number): boolean;
  /** False: nothing is allowed, and the device says that it takes no tunnels. */
  readonly isOpen: boolean;
}

const loopback: Network[] = ["127.0.0.0/8", "::1"].map(parseNetwork);
const everything: Network[] = ["0.0.0.0/0", "::/0"].map(parseNetwork);
const words: Record<string, Network[]> = { loopback, any: everything };

interface Rule {
  isIn: (address: string) => boolean;
  ports: { first: number; last: number }[];
}

/**
 * Entries `TARGET` or `TARGET:PORTS`. The target is a network in CIDR notation, an address (an IPv6 one in brackets where
 * ports follow), `loopback` or `any`; ports are numbers and ranges joined by `+`. `none` alone allows nothing.
 * Throws an Error that says what is wrong.
 */
export function parseAllowList(entries: readonly string[]): AllowList {
  if (entries.includes("none") && entries.length > 1) throw new Error('"none" excludes every other entry');
  const rules = entries.filter((entry) => entry !== "none").map(parseRule);
  return {
    isOpen: rules.length > 0,
    allows(address, port) {
      const plain = plainAddress(address);
      return rules.some(
        ({ isIn, ports }) => isIn(plain) && ports.some(({ first, last }) => first <= port && port <= last),
      );
    },
  };
}

function parseRule(entry: string): Rule {
  const bracketed = /^\[([^\]]+)\](\/\d+)?(?::(.+))?$/.exec(entry);
  const isBareIpv6 = isIP(entry.split("/")[0] ?? "") === 6;
  const plain = isBareIpv6 ? [entry, entry] : /^([^:]+)(?::(.+))?$/.exec(entry);
  const target = bracketed === null ? plain?.[1] : `${bracketed[1]}${bracketed[2] ?? ""}`;
  const ports = bracketed === null ? plain?.[2] : bracketed[3];
  if (target === undefined) throw new Error(`must be NETWORK or NETWORK:PORTS, not "${entry}"`);
  const networks = words[target] ?? [parseNetwork(target)];
  return { isIn: createNetworkMatcher(networks), ports: parsePorts(ports) };
}

function parsePorts(text: string | undefined): Rule["ports"] {
  if (text === undefined || text === "*") return [{ first: 1, last: 65_535 }];
  return text.split("+").map((part) => {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part);
    const first = Number(match?.[1]);
    const last = match?.[2] === undefined ? first : Number(match[2]);
    if (!(first >= 1 && first <= last && last <= 65_535))
      throw new Error(`has ports that are not numbers and ranges such as 22+8000-8999: "${text}"`);
    return { first, last };
  });
}
