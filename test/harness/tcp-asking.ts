import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** Rejects where nothing listens. */
export async function dial(port: number, host = "127.0.0.1"): Promise<Socket> {
  const socket = connect({ host, port, allowHalfOpen: true });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

/** What comes back for a text; undefined where the connection is refused or cut. */
export async function askTcp(port: number, text: string, host?: string): Promise<string | undefined> {
  const socket = await dial(port, host).catch(() => undefined);
  if (socket === undefined) return undefined;
  let answer = "";
  socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
  socket.end(text);
  await once(socket, "close").catch(() => undefined);
  return answer === "" ? undefined : answer;
}

/** Sends back what it gets, on a free port. */
export async function startEcho(): Promise<{ server: Server; target: { host: string; port: number } }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => undefined);
    socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, target: { host: "127.0.0.1", port: (server.address() as AddressInfo).port } };
}
