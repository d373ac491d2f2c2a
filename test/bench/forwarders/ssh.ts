import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { freePorts } from "../../harness/platform-process.ts";
import { findSshd, startSshServer } from "../../harness/ssh-server.ts";
import type { DeviceSide, Forwarder } from "./forwarder.ts";

/** Tries until something listens; a hundred times at most. */
export async function untilOpen(port: number): Promise<void> {
  const isOpen = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => resolve(false));
    });
  for (let tries = 0; tries < 100; tries += 1) {
    if (await isOpen()) return;
    await pause(100);
  }
  throw new Error(`Nothing listens on port ${port}.`);
}

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);

/** sshd forks once for a connection, and once more to shed its rights: the last one carries the data. */
function lastDescendant(pid: number): number {
  const child = childrenOf(pid).at(-1);
  return child === undefined ? pid : lastDescendant(child);
}

/** OpenSSH's own remote forwarding (`ssh -R`, AES-128-GCM), the device being the client; undefined without sshd. */
export async function startSshForward(side: DeviceSide, targetPort: number): Promise<Forwarder | undefined> {
  if ((await findSshd()) === null) return undefined;
  const server = await startSshServer(side.hostAddress);
  const folder = mkdtempSync(join(tmpdir(), "rciots-ssh-"));
  const key = join(folder, "key");
  writeFileSync(key, server.privateKey, { mode: 0o600 });
  writeFileSync(join(folder, "known_hosts"), server.knownHosts);
  const [port = 0] = await freePorts(1);
  const [command = "ssh", ...args] = [
    ...side.within,
    ...["ssh", "-N", "-R", `127.0.0.1:${port}:127.0.0.1:${targetPort}`, "-p", String(server.port)],
    ...["-i", key, "-c", "aes128-gcm@openssh.com", "-F", "none", "-o", "ExitOnForwardFailure=yes"],
    ...["-o", `UserKnownHostsFile=${join(folder, "known_hosts")}`, "-o", "IdentitiesOnly=yes"],
    ...["-o", "Compression=no", `${server.user}@${side.hostAddress}`],
  ];
  const child = spawn(command, args, { stdio: "ignore" });
  await untilOpen(port);
  return {
    name: "OpenSSH -R",
    port,
    pids: [lastDescendant(server.pid), child.pid ?? 0],
    async stop() {
      child.kill();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
