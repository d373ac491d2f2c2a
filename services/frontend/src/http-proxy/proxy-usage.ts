import type { ByteStream } from "@rciots/protocol";
import { createLoop, type Logger, type Loop } from "@rciots/runtime";
import type { Store, WebTunnel } from "@rciots/store";

export interface ProxyUsage {
  /** Counts a request's bytes until the function that is returned is called. */
  begin(tunnel: WebTunnel, stream: ByteStream): () => void;
  loop: Loop;
  flush(): Promise<void>;
}

export const usageIntervalMs = 5_000;

/** What goes through web tunnels, written every few seconds rather than with every request. */
export function createProxyUsage(options: { store: Pick<Store, "webTunnels">; logger: Logger }): ProxyUsage {
  const { store, logger } = options;
  const counted = new Map<string, WebTunnel["usage"]>();
  const live = new Map<ByteStream, { id: string; sent: number; received: number }>();

  function add(
    id: string,
    change: Pick<WebTunnel["usage"], "requests" | "sentBytes" | "receivedBytes">,
  ): void {
    const usage = counted.get(id) ?? { requests: 0, sentBytes: 0, receivedBytes: 0, lastUsedAt: null };
    counted.set(id, {
      requests: usage.requests + change.requests,
      sentBytes: usage.sentBytes + change.sentBytes,
      receivedBytes: usage.receivedBytes + change.receivedBytes,
      lastUsedAt: new Date(),
    });
  }

  function count(stream: ByteStream): void {
    const taken = live.get(stream);
    if (taken === undefined) return;
    const [sentBytes, receivedBytes] = [stream.sentBytes - taken.sent, stream.receivedBytes - taken.received];
    [taken.sent, taken.received] = [stream.sentBytes, stream.receivedBytes];
    if (sentBytes + receivedBytes > 0) add(taken.id, { requests: 0, sentBytes, receivedBytes });
  }

  async function flush(): Promise<void> {
    for (const stream of live.keys()) count(stream);
    for (const [id, usage] of [...counted]) {
      counted.delete(id);
      await store.webTunnels.addUsage(id, usage);
    }
  }

  return {
    begin({ _id }, stream) {
      add(_id, { requests: 1, sentBytes: 0, receivedBytes: 0 });
      live.set(stream, { id: _id, sent: 0, received: 0 });
      return () => {
        count(stream);
        live.delete(stream);
      };
    },
    flush,
    loop: createLoop({ name: "usage of web tunnels", intervalMs: usageIntervalMs, step: flush, logger }),
  };
}
