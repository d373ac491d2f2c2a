import { spawn } from "node:child_process";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer, type WebSocket } from "ws";

/** One request to run something, as the API server got it. */
export interface SeenExec {
  path: string;
  query: URLSearchParams;
  authorization: string | undefined;
  resized: unknown[];
}

export interface ExecServer {
  readonly url: string;
  readonly seen: SeenExec[];
  /** Answers instead of running anything. */
  refuse: { status: number; body: string } | undefined;
  /** Of the processes that run. */
  readonly pids: Set<number>;
  /** Cuts all connections, as a node that dies. */
  cut(): void;
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  stop(): Promise<void>;
}

const statusOf = (code: number): object =>
  code === 0
    ? { status: "Success" }
    : {
        status: "Failure",
        reason: "NonZeroExitCode",
        message: `command terminated with exit code ${code}`,
        details: { causes: [{ reason: "ExitCode", message: String(code) }] },
      };

/**
 * The `exec` of an API server, whose containers are this machine: real processes, and the remote command protocol
 * as Kubernetes speaks it (`v5.channel.k8s.io`). Like a container's runtime, it leaves a process whose connection
 * is gone alone.
 */
export async function startExecServer({ protocol = "v5.channel.k8s.io" } = {}): Promise<ExecServer> {
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has(protocol) ? protocol : false),
  });
  const server = createServer();
  const pids = new Set<number>();

  function run(socket: WebSocket, seen: SeenExec): void {
    const [program = "", ...args] = seen.query.getAll("command");
    const child = spawn(program, args, { detached: true, stdio: "pipe" });
    const { pid } = child;
    if (pid !== undefined) pids.add(pid);
    const send = (channel: number, data: Buffer): void =>
      socket.send(Buffer.concat([Buffer.from([channel]), data]));
    const end = (status: object): void => {
      if (pid !== undefined) pids.delete(pid);
      send(3, Buffer.from(JSON.stringify(status)));
      socket.close();
    };
    child.once("error", (error) =>
      end({ status: "Failure", reason: "InternalError", code: 500, message: error.message }),
    );
    child.stdin.on("error", () => undefined);
    for (const [channel, stream] of [
      [1, child.stdout],
      [2, child.stderr],
    ] as const) {
      stream.on("data", (data: Buffer) => {
        send(channel, data);
        const isFull = (): boolean => socket.readyState === socket.OPEN && socket.bufferedAmount > 65_536;
        if (!isFull()) return;
        stream.pause();
        const drain = (): void => void (isFull() ? setTimeout(drain, 5) : stream.resume());
        drain();
      });
    }
    child.once("close", (code, signal) => end(statusOf(signal === null ? (code ?? 0) : 137)));
    socket.on("message", (message: Buffer) => {
      if (message[0] === 0) child.stdin.write(message.subarray(1));
      else if (message[0] === 255 && message[1] === 0) child.stdin.end();
      else if (message[0] === 4) seen.resized.push(JSON.parse(message.subarray(1).toString()));
    });
    if (seen.query.get("stdin") !== "true") child.stdin.end();
  }

  const fixture: ExecServer = {
    url: "",
    seen: [],
    refuse: undefined,
    pids,
    cut() {
      for (const socket of sockets.clients) socket.terminate();
    },
    handleUpgrade(request, socket, head) {
      if (fixture.refuse !== undefined) {
        const { status, body } = fixture.refuse;
        socket.end(`HTTP/1.1 ${status} Refused\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
        return;
      }
      const url = new URL(request.url ?? "/", "http://localhost");
      const { authorization } = request.headers;
      const seen = { path: url.pathname, query: url.searchParams, authorization, resized: [] };
      fixture.seen.push(seen);
      sockets.handleUpgrade(request, socket, head, (accepted) => run(accepted, seen));
    },
    async stop() {
      fixture.cut();
      for (const pid of pids) {
        try {
          process.kill(-pid, "SIGKILL");
        } catch {
          // It has ended.
        }
      }
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  server.on("upgrade", fixture.handleUpgrade);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(fixture, { url: `http://127.0.0.1:${port}` });
}
