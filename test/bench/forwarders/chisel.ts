import { spawn } from "node:child_process";
import { freePorts } from "../../harness/platform-process.ts";
import type { DeviceSide, Forwarder } from "./forwarder.ts";
import { untilOpen } from "./ssh.ts";

/** chisel's reverse forwarding, where `RCIOTS_CHISEL` names its program. */
export async function startChisel(side: DeviceSide, targetPort: number): Promise<Forwarder | undefined> {
  const program = process.env["RCIOTS_CHISEL"];
  if (program === undefined) return undefined;
  const [serverPort = 0, port = 0] = await freePorts(2);
  const auth = ["--auth", "bench:bench"];
  const server = spawn(
    program,
    ["server", "--host", side.hostAddress, "--port", String(serverPort), "--reverse", ...auth],
    { stdio: "ignore" },
  );
  const [command = program, ...args] = [
    ...side.within,
    ...[program, "client", ...auth, `http://${side.hostAddress}:${serverPort}`],
    `R:127.0.0.1:${port}:127.0.0.1:${targetPort}`,
  ];
  const client = spawn(command, args, { stdio: "ignore" });
  await untilOpen(port);
  return {
    name: "chisel",
    port,
    pids: [server.pid ?? 0, client.pid ?? 0],
    stop() {
      client.kill();
      server.kill();
      return Promise.resolve();
    },
  };
}
