import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { freePorts } from "../harness/platform-process.ts";
import { findSshd, startSshServer } from "../harness/ssh-server.ts";

/** OpenSSH's own port forwarding (AES-128-GCM) to a port of this machine; undefined where there is no sshd. */
export async function startSshForward(
  targetPort: number,
): Promise<{ port: number; stop(): Promise<void> } | undefined> {
  if ((await findSshd()) === null) return undefined;
  const server = await startSshServer();
  const folder = mkdtempSync(join(tmpdir(), "rciots-ssh-"));
  const key = join(folder, "key");
  writeFileSync(key, server.privateKey, { mode: 0o600 });
  writeFileSync(join(folder, "known_hosts"), server.knownHosts);
  const [port = 0] = await freePorts(1);
  const child = spawn(
    "ssh",
    [
      ...["-N", "-L", `127.0.0.1:${port}:127.0.0.1:${targetPort}`, "-p", String(server.port), "-i", key],
      ...["-c", "aes128-gcm@openssh.com", "-o", `UserKnownHostsFile=${join(folder, "known_hosts")}`],
      ...["-o", "IdentitiesOnly=yes", "-o", "Compression=no", "-F", "none", `${server.user}@127.0.0.1`],
    ],
    { stdio: "ignore" },
  );
  const isOpen = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => resolve(false));
    });
  for (let tries = 0; tries < 100 && !(await isOpen()); tries += 1) await pause(100);
  return {
    port,
    async stop() {
      child.kill();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
