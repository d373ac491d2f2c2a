import { once } from "node:events";
import { connect } from "node:tls";
import { createClient, newKey } from "../test/client.ts";

/** What the load process is told; times in milliseconds. */
export interface LoadOrder {
  port: number;
  ca: string;
  token: string;
  prefix: string;
  /** `open`: so many a second, whatever the answers. `closed`: so many at once. `handshake`: TLS alone, so many at once. */
  kind: "open" | "closed" | "handshake";
  rate: number;
  count: number;
}

export interface LoadReport {
  seconds: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  failures: Record<string, number>;
}

const at = (sorted: number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;

async function handshake({ port, ca }: LoadOrder): Promise<void> {
  const socket = connect({ host: "127.0.0.1", port, ca, servername: "localhost" });
  await once(socket, "secureConnect");
  socket.destroy();
}

/** One call as a device makes it: a connection of its own, a full handshake, one enrolment. */
async function enrol(order: LoadOrder, index: number, csr: string): Promise<string> {
  const client = createClient({ port: order.port, ca: order.ca, keepAlive: false });
  const body = { name: `${order.prefix}-${index}`, csr };
  const answer = await client.enroll(order.token, body);
  client.close();
  return answer.status === 201 ? "" : `${answer.status} ${answer.bytes.toString().slice(0, 200)}`;
}

export async function runLoad(order: LoadOrder): Promise<LoadReport> {
  const isHandshake = order.kind === "handshake";
  const csrs = isHandshake ? [] : Array.from({ length: order.count }, () => newKey().csr);
  const latencies: number[] = [];
  const failures: Record<string, number> = {};
  const one = async (index: number): Promise<void> => {
    const startedAt = performance.now();
    let failure = "";
    try {
      failure = isHandshake ? "" : await enrol(order, index, csrs[index] ?? "");
      if (isHandshake) await handshake(order);
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
    }
    latencies.push(performance.now() - startedAt);
    if (failure !== "") failures[failure] = (failures[failure] ?? 0) + 1;
  };
  const startedAt = performance.now();
  if (order.kind === "open") await atRate(order, one);
  else await atOnce(order, one);
  const seconds = (performance.now() - startedAt) / 1_000;
  latencies.sort((a, b) => a - b);
  return {
    seconds,
    perSecond: order.count / seconds,
    p50Ms: at(latencies, 0.5),
    p99Ms: at(latencies, 0.99),
    maxMs: latencies.at(-1) ?? 0,
    failures,
  };
}

async function atOnce({ rate, count }: LoadOrder, one: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await one(next - 1);
    }
  };
  await Promise.all(Array.from({ length: rate }, worker));
}

/** Starts are due by the clock: a slow answer delays no later start. */
async function atRate({ rate, count }: LoadOrder, one: (index: number) => Promise<void>): Promise<void> {
  const startedAt = performance.now();
  const running: Promise<void>[] = [];
  while (running.length < count) {
    const due = Math.min(count, Math.floor(((performance.now() - startedAt) / 1_000) * rate) + 1);
    while (running.length < due) running.push(one(running.length));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await Promise.all(running);
}

process.on("message", (order: LoadOrder) => {
  void runLoad(order).then((report) => process.send?.(report));
});
