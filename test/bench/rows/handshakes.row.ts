import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../../harness/eventually.ts";
import { freePorts } from "../../harness/platform-process.ts";
import { startWorker } from "../child-worker.ts";
import type { HandshakeCalls } from "../handshake-worker.ts";
import { formatCount, type BenchContext, type BenchRow, type Measurement } from "../measurement.ts";
import { startPlatform, type MeasuredPlatform } from "../platform.ts";
import { cpuSeconds } from "../process-usage.ts";
import { createServerCertificate } from "../server-certificate.ts";
import { createSimulatedDevice } from "../simulated-device.ts";

const targetFull = 0.75;
const targetResumed = 2.4;

/** Files of one server certificate that both servers use, and its root. */
function writeServerTls(dir: string) {
  const { key, chain, root } = createServerCertificate();
  const write = (name: string, content: string): string => {
    const path = join(dir, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  return {
    rootPem: root,
    keyFile: write("server.key", key),
    certFile: write("server.pem", chain),
    write,
  };
}

/** One device enrolled with the platform: its certificate is what the clients show to both servers. */
async function enrollOne(platform: MeasuredPlatform, rootPem: string) {
  const api = await platform.api();
  const { token } = await api.post<{ token: string }>("/provisioning-tokens", {
    name: "handshakes",
    approval: "automatic",
  });
  const trust = { kind: "ca", pem: rootPem } as const;
  const device = createSimulatedDevice({ name: "handshakes", platformUrl: platform.enrollUrl, trust, token });
  await device.enroll(new AbortController().signal);
  const identity = await device.identity();
  if (identity === undefined) throw new Error("The device has no identity.");
  return identity;
}

async function startOpenssl(files: { certFile: string; keyFile: string; clientRootFile: string }) {
  const [port = 0] = await freePorts(1);
  const server: ChildProcess = spawn(
    "openssl",
    // prettier-ignore
    ["s_server", "-accept", `127.0.0.1:${port}`, "-cert", files.certFile, "-cert_chain", files.certFile,
     "-key", files.keyFile, "-CAfile", files.clientRootFile, "-Verify", "4", "-verify_return_error",
     "-verify_quiet", "-www"],
    { stdio: "ignore" },
  );
  const failed = new Promise<never>((_resolve, reject) => {
    server.once("error", reject);
    server.once("exit", (code) => reject(new Error(`openssl s_server ended (${code ?? "signal"}).`)));
  });
  failed.catch(() => undefined);
  await Promise.race([failed, eventually(() => touch(port))]);
  const stop = (): void => void server.kill("SIGKILL");
  process.once("exit", stop);
  return { port, pid: server.pid ?? 0, stop };
}

/** Resolves when something accepts connections there. */
function touch(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve();
    });
    socket.once("error", reject);
  });
}

interface Load {
  key: string;
  cert: string;
  ca: string;
  durationMs: number;
}

/** Handshakes per second of the server's CPU. */
async function measure(server: { port: number; pid: number }, load: Load, resume: boolean): Promise<number> {
  const client = startWorker<HandshakeCalls>("handshake-worker");
  try {
    // The first second warms both ends up and is not counted.
    const run = { ...load, port: server.port, resume, lanes: 8 };
    await client.call("run", { ...run, durationMs: 1_000 });
    const before = cpuSeconds(server.pid);
    const { count, resumed } = await client.call("run", run);
    const spent = cpuSeconds(server.pid) - before;
    if (resume && resumed < count)
      throw new Error(`${count - resumed} of ${count} handshakes were not resumed.`);
    if (!resume && resumed > 0) throw new Error(`${resumed} of ${count} handshakes were resumed.`);
    return count / spent;
  } finally {
    await client.kill();
  }
}

async function run({ handshakeSeconds, say }: BenchContext): Promise<Measurement[]> {
  say("Handshakes ...");
  const dir = mkdtempSync(join(tmpdir(), "rciots-bench-tls-"));
  const tls = writeServerTls(dir);
  const platform = await startPlatform({
    settings: { RCIOTS_TLS_CERT_FILE: tls.certFile, RCIOTS_TLS_KEY_FILE: tls.keyFile },
    rootPem: tls.rootPem,
  });
  try {
    const identity = await enrollOne(platform, tls.rootPem);
    const clientRootFile = tls.write("clients.pem", identity.caCertificates);
    const openssl = await startOpenssl({ ...tls, clientRootFile });
    try {
      const load = {
        key: identity.privateKey,
        cert: identity.certificateChain,
        ca: tls.rootPem,
        durationMs: handshakeSeconds * 1_000,
      };
      const connector = { port: platform.edgePort, pid: platform.pid() };
      const full = {
        openssl: await measure(openssl, load, false),
        ours: await measure(connector, load, false),
      };
      const resumed = {
        openssl: await measure(openssl, load, true),
        ours: await measure(connector, load, true),
      };
      return describe(full, resumed, handshakeSeconds);
    } finally {
      openssl.stop();
    }
  } finally {
    await platform.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

interface Pair {
  openssl: number;
  ours: number;
}

function describe(full: Pair, resumed: Pair, seconds: number): Measurement[] {
  const size = `${seconds} s each, 8 at a time`;
  const gain = resumed.ours / full.ours;
  return [
    {
      row: "handshakes",
      what: "full mTLS handshakes per server CPU second",
      size,
      baseline: `openssl s_server ${formatCount(full.openssl)}`,
      measured: formatCount(full.ours),
      ratio: full.ours / full.openssl,
      target: `${targetFull}x openssl`,
      passed: full.ours / full.openssl >= targetFull,
      load: targetFull / (full.ours / full.openssl),
    },
    {
      row: "handshakes",
      what: "resumed handshakes per server CPU second",
      size,
      baseline: `full ${formatCount(full.ours)}`,
      measured: formatCount(resumed.ours),
      ratio: gain,
      target: `${targetResumed}x full`,
      passed: gain >= targetResumed,
      load: targetResumed / gain,
      notes: [
        `openssl s_server resumes ${formatCount(resumed.openssl)} per CPU second, ${(resumed.openssl / full.openssl).toFixed(2)}x its own full handshakes.`,
      ],
    },
  ];
}

export const handshakesRow: BenchRow = {
  name: "handshakes",
  about: "full and resumed TLS handshakes of the connector's port beside openssl s_server",
  run,
};
