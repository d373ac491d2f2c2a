import { execFileSync } from "node:child_process";

/** Two ends of a cable: this machine's, and one inside a network namespace of its own. */
export interface TestNetwork {
  readonly namespace: string;
  /** This machine's address, as seen from inside. */
  readonly hostAddress: string;
  /** Drops every packet in both directions, silently: nothing is closed, refused or unreachable. */
  blackHole(): void;
  heal(): void;
  remove(): void;
}

const ip = (...args: string[]): string => execFileSync("ip", args, { stdio: "pipe" }).toString();

/** Why no network namespace can be made here, or undefined. */
export function networkFault(): string | undefined {
  if (process.getuid?.() !== 0) return "making a network namespace needs root";
  const name = `rciots-try-${process.pid}`;
  try {
    ip("netns", "add", name);
    ip("netns", "delete", name);
    return undefined;
  } catch (error) {
    return `no network namespace can be made here: ${error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error)}`;
  }
}

export function createNetwork(): TestNetwork {
  const id = process.pid % 10_000;
  const namespace = `rciots-${id}`;
  const [outside, inside] = [`rco${id}`, `rci${id}`];
  const subnet = `10.213.${(Math.floor(id / 60) % 250) + 1}`;
  const first = (id % 60) * 4;
  const hostAddress = `${subnet}.${first + 1}`;
  const peerAddress = `${subnet}.${first + 2}`;
  ip("netns", "add", namespace);
  ip("link", "add", outside, "type", "veth", "peer", "name", inside, "netns", namespace);
  ip("address", "add", `${hostAddress}/30`, "dev", outside);
  ip("link", "set", outside, "up");
  ip("-n", namespace, "address", "add", `${peerAddress}/30`, "dev", inside);
  ip("-n", namespace, "link", "set", inside, "up");
  ip("-n", namespace, "link", "set", "lo", "up");

  // Frames to a hardware address that nobody has are sent and lost, which no socket is told of.
  const nobody = "02:00:00:00:00:99";
  return {
    namespace,
    hostAddress,
    blackHole() {
      ip("neigh", "replace", peerAddress, "lladdr", nobody, "dev", outside, "nud", "permanent");
      ip(
        "-n",
        namespace,
        "neigh",
        "replace",
        hostAddress,
        "lladdr",
        nobody,
        "dev",
        inside,
        "nud",
        "permanent",
      );
    },
    heal() {
      ip("neigh", "delete", peerAddress, "dev", outside);
      ip("-n", namespace, "neigh", "delete", hostAddress, "dev", inside);
    },
    remove() {
      // Sockets that still try to close keep a namespace alive for minutes, and its cable with it.
      ip("link", "delete", outside);
      ip("netns", "delete", namespace);
    },
  };
}
