import { once } from "node:events";
import {
  connect as connectPlain,
  createServer as createPlainServer,
  type AddressInfo,
  type Socket,
} from "node:net";
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from "node:tls";
import { serveCalls } from "../child-worker.ts";

/** A key and certificate of one's own, and the root that the other end's leads to; PEM. */
export interface RawTlsIdentity {
  key: string;
  cert: string;
  ca: string;
}

/** Each way ended by itself, with the backpressure that Node's own pipes have. */
function join(a: Socket, b: Socket): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.pipe(to);
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
  }
}

const calls = {
  /** The platform's side: a connection to `port` takes one of the device's that waits at `edgePort`. */
  async listen({ host, identity }: { host: string; identity: RawTlsIdentity }) {
    const waiting: TLSSocket[] = [];
    const edge = createTlsServer(
      { ...identity, requestCert: true, rejectUnauthorized: true, noDelay: true, allowHalfOpen: true },
      (socket) => {
        socket.on("error", () => socket.destroy());
        waiting.push(socket);
      },
    );
    const plain = createPlainServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      socket.on("error", () => socket.destroy());
      const device = waiting.shift();
      if (device === undefined) socket.destroy();
      else join(socket, device);
    });
    edge.listen(0, host);
    plain.listen(0, "127.0.0.1");
    await Promise.all([once(edge, "listening"), once(plain, "listening")]);
    return { edgePort: (edge.address() as AddressInfo).port, port: (plain.address() as AddressInfo).port };
  },

  /** The device's side: so many connections wait; each that is used is replaced by another. */
  async dial(options: {
    host: string;
    edgePort: number;
    targetPort: number;
    connections: number;
    identity: RawTlsIdentity;
  }) {
    const { host, edgePort, targetPort, connections, identity } = options;
    async function open(): Promise<void> {
      const socket = connectTls({ ...identity, host, port: edgePort, allowHalfOpen: true } as never);
      socket.setNoDelay(true);
      socket.on("error", () => socket.destroy());
      await once(socket, "secureConnect");
      socket.once("readable", () => {
        void open();
        const target = connectPlain({
          host: "127.0.0.1",
          port: targetPort,
          allowHalfOpen: true,
          noDelay: true,
        });
        target.on("error", () => socket.destroy());
        join(socket, target);
      });
    }
    await Promise.all(Array.from({ length: connections }, open));
  },
};
export type RawTlsCalls = typeof calls;

serveCalls(calls);
