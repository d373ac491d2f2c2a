import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";
import { promisify } from "node:util";

export interface TlsFront {
  readonly url: string;
  readonly caFile: string;
  readonly port: number;
  /** Of the connections that came in, the open ones. */
  cut(): void;
  stop(): Promise<void>;
}

/** Ends TLS in front of a plain address, as an ingress does: kubectl sends no credentials over plain HTTP. */
export async function startTlsFront(target: string): Promise<TlsFront> {
  const { hostname, port } = new URL(target);
  const dir = mkdtempSync(join(tmpdir(), "rciots-tls-"));
  const caFile = join(dir, "front.crt");
  const keyFile = join(dir, "front.key");
  await promisify(execFile)("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
    ...["-subj", "/CN=front", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"],
    ...["-keyout", keyFile, "-out", caFile],
  ]);
  const open = new Set<Socket>();
  const tls = {
    cert: readFileSync(caFile),
    key: readFileSync(keyFile),
    ALPNProtocols: ["http/1.1"],
    allowHalfOpen: true,
  };
  const server = createServer(tls, (socket) => {
    const upstream = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    open.add(socket).add(upstream);
    for (const [from, to] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      from.setNoDelay(true);
      from.on("error", () => to.destroy());
      from.once("close", () => {
        open.delete(from);
        to.destroySoon();
      });
      from.pipe(to);
    }
  });
  server.on("tlsClientError", () => undefined);
  // One that leaves right after its handshake is never handed out, and would keep the server from closing.
  server.on("connection", (raw: Socket) => {
    open.add(raw);
    raw.once("close", () => open.delete(raw));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port: own } = server.address() as AddressInfo;
  const cut = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    url: `https://127.0.0.1:${own}`,
    caFile,
    port: own,
    cut,
    async stop() {
      cut();
      await new Promise((resolve) => server.close(resolve));
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
