import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startWorker } from "../child-worker.ts";
import type { DeviceSide, Forwarder } from "./forwarder.ts";
import type { RawTlsCalls, RawTlsIdentity } from "./raw-tls-worker.ts";

/** More than the connections that are ever used at once. */
const waitingConnections = 60;

/** A P-256 key with a certificate of itself, for both ends. */
function createIdentity(address: string): RawTlsIdentity {
  const folder = mkdtempSync(join(tmpdir(), "rciots-raw-tls-"));
  const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  try {
    execFileSync(
      "openssl",
      [
        ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
        ...["-keyout", keyFile, "-out", certFile, "-days", "1", "-subj", "/CN=bench"],
        ...["-addext", `subjectAltName=IP:${address}`],
      ],
      { stdio: "pipe" },
    );
    const cert = readFileSync(certFile, "utf8");
    return { key: readFileSync(keyFile, "utf8"), cert, ca: cert };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Plain mTLS sockets of Node, one for each connection, and nothing on top: what the channel could be at most. */
export async function startRawTls(side: DeviceSide, targetPort: number): Promise<Forwarder> {
  const identity = createIdentity(side.hostAddress);
  const platform = startWorker<RawTlsCalls>("forwarders/raw-tls-worker");
  const device = startWorker<RawTlsCalls>("forwarders/raw-tls-worker", { within: side.within });
  const { edgePort, port } = await platform.call("listen", { host: side.hostAddress, identity });
  const host = side.hostAddress;
  await device.call("dial", { host, edgePort, targetPort, connections: waitingConnections, identity });
  return {
    name: "raw mTLS",
    port,
    pids: [platform.pid, device.pid],
    async stop() {
      await Promise.all([device.kill(), platform.kill()]);
    },
  };
}
