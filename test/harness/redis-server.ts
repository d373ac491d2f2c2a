import { spawnSync } from "node:child_process";
import { startProcess, type TestProcess } from "./process.ts";
import { freePorts } from "./platform-process.ts";

/** Why no Redis can be started here, or undefined. */
export function redisFault(): string | undefined {
  const isThere = spawnSync("redis-server", ["--version"], { stdio: "ignore" }).status === 0;
  return isThere ? undefined : "redis-server is not installed (Debian: apt-get install redis-server)";
}

export interface RedisServer {
  /** With its password. */
  url: string;
  /** Ends it at once, as a crash does. */
  kill(): Promise<void>;
  /** Starts it again on the same port. */
  restart(): Promise<void>;
  /** It takes connections and answers nothing, until `resume`. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

/** A real Redis on loopback that keeps nothing on disk. */
export async function startRedis(): Promise<RedisServer> {
  const [port = 0] = await freePorts(1);
  const password = "a password of this test";
  let running: TestProcess;
  async function start(): Promise<void> {
    const args = ["--port", String(port), "--bind", "127.0.0.1", "--requirepass", password];
    running = startProcess(
      "redis-server",
      [...args, "--save", "", "--appendonly", "no", "--dir", "/tmp"],
      {},
    );
    await running.waitFor("Ready to accept connections");
  }
  await start();
  const kill = async (): Promise<void> => void (await running.kill("SIGKILL"));
  return {
    url: `redis://:${encodeURIComponent(password)}@127.0.0.1:${port}`,
    kill,
    restart: start,
    pause: () => void running.child.kill("SIGSTOP"),
    resume: () => void running.child.kill("SIGCONT"),
    stop: kill,
  };
}
