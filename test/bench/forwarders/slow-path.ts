import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { networkFault } from "../../harness/network-namespace.ts";
import type { DeviceSide } from "./forwarder.ts";

export interface PathQuality {
  /** Added to the round trip, half of it each way. */
  delayMs: number;
  /** Share of the packets that are lost, each way. */
  loss: number;
}

export interface SlowPath extends DeviceSide {
  remove(): Promise<void>;
}

const source = fileURLToPath(new URL("../slow-path", import.meta.url));
const ip = (...args: string[]): string => execFileSync("ip", args, { stdio: "pipe" }).toString();

function cachedProgram(): string {
  const cache = process.env["RCIOTS_CACHE_DIR"] ?? process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  return join(cache, "rciots", "slow-path");
}

/** Why no slow path can be made here, or undefined. */
export function slowPathFault(): string | undefined {
  const fault = networkFault();
  if (fault !== undefined) return fault;
  const built = spawnSync("go", ["build", "-o", cachedProgram(), "."], {
    cwd: source,
    env: { ...process.env, CGO_ENABLED: "0" },
  });
  if (built.error !== undefined) return "delay and loss are made by a program in Go, which is not installed";
  return built.status === 0 ? undefined : `go build: ${built.stderr.toString().trim()}`;
}

/**
 * A network namespace whose only way to this machine is slow and loses packets. The two TCP stacks are the kernel's own; a
 * small program between two TUN devices (test/bench/slow-path) does what netem would, and is there on kernels without it.
 */
export async function createSlowPath({ delayMs, loss }: PathQuality): Promise<SlowPath> {
  const id = `${process.pid % 10_000}-${delayMs}-${loss * 100}`;
  const namespace = `rciots-slow-${id}`;
  const [outside, inside] = [`rso${id}`, `rsi${id}`];
  const subnet = `10.214.${(process.pid % 250) + 1}`;
  const [hostAddress, peerAddress] = [`${subnet}.1`, `${subnet}.2`];
  const args = ["-outside", outside, "-inside", inside, "-delay", `${delayMs / 2}ms`, "-loss", String(loss)];
  const program = spawn(cachedProgram(), args, { stdio: ["pipe", "pipe", "inherit"] });
  await once(program.stdout, "data");
  ip("netns", "add", namespace);
  ip("link", "set", inside, "netns", namespace);
  ip("address", "add", `${hostAddress}/30`, "dev", outside);
  ip("link", "set", outside, "up", "txqueuelen", "10000");
  ip("-n", namespace, "address", "add", `${peerAddress}/30`, "dev", inside);
  ip("-n", namespace, "link", "set", inside, "up", "txqueuelen", "10000");
  ip("-n", namespace, "link", "set", "lo", "up");
  return {
    hostAddress,
    within: ["ip", "netns", "exec", namespace],
    async remove() {
      program.kill();
      await once(program, "exit");
      ip("netns", "delete", namespace);
    },
  };
}
