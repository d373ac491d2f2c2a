import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { WebSocketServer, type WebSocket } from "ws";
import {
  createIntermediateCa,
  createRootCa,
  createServerCa,
  exportPrivateKeyPem,
  generateKeyPair,
  issueDeviceCertificate,
  issueServerCertificate,
} from "@rciots/ca";
import type { DeviceIdentity } from "@rciots/agent";
import { channelPath } from "@rciots/protocol";
import { newId, newToken } from "@rciots/runtime";

/** A platform that holds the right certificate and says whatever a test wants, frame by frame. */
export interface HostilePlatform {
  readonly identity: DeviceIdentity;
  readonly rootPem: string;
  /** Frames the agent sent, on all connections. */
  readonly received: (string | Buffer)[];
  connections(): number;
  /** What happens on each new connection; the default answers properly up to hello. */
  onConnection(listener: (socket: WebSocket) => void): void;
  /** The newest connection. */
  socket(): WebSocket;
  stop(): Promise<void>;
}

export const openFrame = `0${JSON.stringify({ sid: "s", upgrades: [], pingInterval: 10_000, pingTimeout: 12_000, maxPayload: 1_048_576 })}`;
export const eventFrame = (event: unknown, payload: unknown, id?: unknown): string =>
  `4${JSON.stringify(id === undefined ? [2, [event, payload]] : [2, [event, payload], id])}`;

/** Opens, welcomes and answers hello as the real one does. */
export function behave(socket: WebSocket): void {
  socket.send(openFrame);
  socket.on("message", (data: Buffer) => {
    const text = data.toString();
    if (text.startsWith("4[0,")) return socket.send('4[0,{"sid":"welcome"}]');
    if (!text.startsWith("4[2,")) return;
    const [, [event], id] = JSON.parse(text.slice(1)) as [number, [string, unknown], number];
    if (event !== "session:hello") return;
    const hello = {
      version: 1,
      sessionId: newId("ses"),
      serverTime: new Date().toISOString(),
      desired: { kind: "none", revision: 0 },
    };
    socket.send(`4${JSON.stringify([3, [{ ok: true, data: hello }], id])}`);
  });
}

export async function startHostilePlatform(): Promise<HostilePlatform> {
  const root = createRootCa({ name: "Hostile root" });
  const serverCa = createServerCa({ name: "Hostile servers", root });
  const key = generateKeyPair();
  const certificate = issueServerCertificate({
    issuer: serverCa,
    dnsNames: ["localhost"],
    ipAddresses: ["127.0.0.1"],
    publicKey: key.publicKey,
  });
  const server = createServer({
    key: exportPrivateKeyPem(key.privateKey),
    cert: certificate.certificatePem + serverCa.pem,
  });
  const webSockets = new WebSocketServer({ server, path: `${channelPath}/` });
  const received: (string | Buffer)[] = [];
  let listener = behave;
  let connections = 0;
  let current: WebSocket | undefined;
  webSockets.on("connection", (socket) => {
    connections += 1;
    current = socket;
    socket.on("error", () => undefined);
    socket.on("message", (data: Buffer, isBinary) => {
      if (received.length < 50_000) received.push(isBinary ? data : data.toString());
    });
    listener(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;

  return {
    identity: deviceIdentity(root, port),
    rootPem: root.pem,
    received,
    connections: () => connections,
    onConnection: (next) => (listener = next),
    socket() {
      if (current === undefined) throw new Error("nobody has connected");
      return current;
    },
    async stop() {
      for (const socket of webSockets.clients) socket.terminate();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function deviceIdentity(root: ReturnType<typeof createRootCa>, port: number): DeviceIdentity {
  const [organizationId, deviceId] = [newId("org"), newId("dev")];
  const issuer = createIntermediateCa({ root, organizationId, name: "Hostile organisation" });
  const { privateKey, publicKey } = generateKeyPair();
  const issued = issueDeviceCertificate({ issuer, organizationId, deviceId, publicKey });
  return {
    deviceId,
    organizationId,
    deviceToken: newToken("rcd"),
    privateKey: exportPrivateKeyPem(privateKey),
    certificateChain: issued.certificatePem + issuer.pem,
    caCertificates: root.pem,
    edgeUrl: `wss://localhost:${port}`,
    platformUrl: `https://localhost:${port}`,
  };
}
