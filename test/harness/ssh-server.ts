import { execFile, spawn } from "node:child_process";
import { constants } from "node:fs";
import { access, chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface SshServer {
  port: number;
  pid: number;
  /** Who may log in. */
  user: string;
  /** A private key that is let in. */
  privateKey: string;
  /** A private key that is not. */
  strangerKey: string;
  /** The server's key as known_hosts lines for its address. */
  knownHosts: string;
  /** Another key for the same host: what an impostor would show. */
  wrongKnownHosts: string;
  stop: () => Promise<void>;
}

const places = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/sbin/sshd"];

/** Where sshd is, or null: a test that needs it then skips itself and says so (Debian: openssh-server). */
export async function findSshd(): Promise<string | null> {
  for (const path of places) {
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      // Not here.
    }
  }
  return null;
}

/** A real sshd as a subprocess on a free port of `host`; logs in the user that runs the tests, by key only. */
export async function startSshServer(host = "127.0.0.1"): Promise<SshServer> {
  const sshd = await findSshd();
  if (sshd === null)
    throw new Error("sshd is not installed (Debian and Ubuntu: apt-get install openssh-server)");
  const folder = await mkdtemp(join(tmpdir(), "rciots-sshd-"));
  await chmod(folder, 0o755);
  const makeKey = async (name: string): Promise<{ privateKey: string; publicKey: string }> => {
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", join(folder, name)]);
    return {
      privateKey: await readFile(join(folder, name), "utf8"),
      publicKey: await readFile(join(folder, `${name}.pub`), "utf8"),
    };
  };
  const [server, client, stranger, impostor] = await Promise.all(
    ["server", "client", "stranger", "impostor"].map(makeKey),
  );
  await writeFile(join(folder, "authorized_keys"), client?.publicKey ?? "", { mode: 0o600 });
  const port = await freePort(host);
  await writeFile(join(folder, "sshd_config"), config(folder, host, port));
  // Privilege separation wants this folder when run by root; a packaged sshd's service makes it.
  if (process.getuid?.() === 0) await mkdir("/run/sshd", { recursive: true, mode: 0o755 });
  const child = spawn(sshd, ["-D", "-e", "-f", join(folder, "sshd_config")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => (log = (log + chunk.toString()).slice(-4000)));
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await gone;
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await waitForPort(host, port, () => child.exitCode !== null);
  } catch {
    await stop();
    throw new Error(`sshd did not start: ${log}`);
  }
  const line = (key: string | undefined): string =>
    `[${host}]:${port} ${(key ?? "").split(" ").slice(0, 2).join(" ")}\n`;
  return {
    port,
    pid: child.pid ?? 0,
    user: userInfo().username,
    privateKey: client?.privateKey ?? "",
    strangerKey: stranger?.privateKey ?? "",
    knownHosts: line(server?.publicKey),
    wrongKnownHosts: line(impostor?.publicKey),
    stop,
  };
}

function config(folder: string, host: string, port: number): string {
  return [
    `Port ${port}`,
    `ListenAddress ${host}`,
    `HostKey ${join(folder, "server")}`,
    `AuthorizedKeysFile ${join(folder, "authorized_keys")}`,
    `PidFile ${join(folder, "pid")}`,
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "PermitRootLogin prohibit-password",
    "UsePAM no",
    "Subsystem sftp internal-sftp",
    // The temporary folder's parents may be writable by others.
    "StrictModes no",
    "",
  ].join("\n");
}

async function freePort(host: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function waitForPort(host: string, port: number, isGone: () => boolean): Promise<void> {
  const deadlineMs = Date.now() + 10_000;
  while (Date.now() < deadlineMs && !isGone()) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, host, () => resolve(true));
      socket.once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (isOpen) return;
    await pause(50);
  }
  throw new Error("not listening");
}
