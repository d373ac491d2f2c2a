import assert from "node:assert/strict";
import { startAgentProcess } from "../../harness/agent-process.ts";
import type { ApiClient } from "../../harness/api-client.ts";
import { eventually } from "../../harness/eventually.ts";
import { createToken, deviceOnline } from "../../harness/fleet.ts";
import { freePorts } from "../../harness/platform-process.ts";
import { startPlatform } from "../platform.ts";
import type { DeviceSide, Forwarder } from "./forwarder.ts";

export interface TunnelForwarder extends Forwarder {
  readonly api: ApiClient;
  /** Of the device's tunnels in the API. */
  readonly path: string;
  readonly target: { host: string; port: number };
}

/** A tunnel of the platform to a real agent, both as they are shipped. */
export async function startTunnel(side: DeviceSide, targetPort: number): Promise<TunnelForwarder> {
  const [port = 0] = await freePorts(1);
  const { hostAddress } = side;
  const platform = await startPlatform({
    settings: {
      RCIOTS_TUNNEL_PORTS: String(port),
      RCIOTS_DEVICE_HOST: hostAddress,
      RCIOTS_PUBLIC_HOST: hostAddress,
    },
  });
  const api = await platform.api();
  const { caFingerprint } = platform;
  const enrollUrl = `https://${hostAddress}:${platform.enrollPort}`;
  const agent = startAgentProcess({
    platform: { enrollUrl, caFingerprint },
    token: await createToken(api),
    name: "tunnels",
    within: side.within,
  });
  const { id } = await deviceOnline(api, "tunnels");
  const path = `/devices/${id}/tunnels`;
  const target = { host: "127.0.0.1", port: targetPort };
  await api.post(path, { target, port, maxConnections: 500 });
  // On a slow path the session is still becoming live where the device counts as online already.
  await eventually(async () => {
    const { items } = await api.get<{ items: { state: string }[] }>(path);
    assert.equal(items[0]?.state, "open");
  });
  return {
    name: "tunnel",
    port,
    pids: [platform.pid(), agent.process().child.pid ?? 0],
    api,
    path,
    target,
    async stop() {
      await agent.stop();
      await platform.stop();
    },
  };
}
