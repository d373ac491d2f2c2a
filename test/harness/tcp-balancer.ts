import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** What stands before several processes of a kind: one port, whose connections go to whichever takes them. */
export interface TcpBalancer {
  readonly port: number;
  stop(): Promise<void>;
}

/** In turn; a backend that refuses is passed over. Half-open connections stay half open. */
export async function startBalancer(ports: readonly number[]): Promise<TcpBalancer> {
  const sockets = new Set<Socket>();
  let turn = 0;

  function keep(socket: Socket): void {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  }

  async function dial(): Promise<Socket | undefined> {
    for (let tries = 0; tries < ports.length; tries += 1) {
      const port = ports[turn++ % ports.length] ?? 0;
      const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
      keep(socket);
      const isThere = await once(socket, "connect").then(
        () => true,
        () => false,
      );
      if (isThere) return socket;
    }
    return undefined;
  }

  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    keep(client);
    void dial().then((backend) => {
      if (backend === undefined || client.destroyed) {
        backend?.destroy();
        return client.destroy();
      }
      client.on("close", () => backend.destroy());
      backend.on("close", () => client.destroy());
      client.pipe(backend);
      backend.pipe(client);
    });
  });
  server.listen({ port: 0, host: "127.0.0.1", backlog: 4_096 });
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
