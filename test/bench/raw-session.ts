import { once } from "node:events";
import { dialTls, silentLogger } from "@rciots/runtime";
import type { PlatformHandlers } from "../../agent/src/channel/call-dispatcher.ts";
import { openSession, type Session } from "../../agent/src/channel/session.ts";
import type { DeviceIdentity } from "../../agent/src/identity/identity.store.ts";
import { simulatorVersion } from "./simulated-device.ts";

async function dial(identity: DeviceIdentity, ticket?: Buffer) {
  const url = new URL(identity.edgeUrl);
  return dialTls({
    host: url.hostname,
    port: Number(url.port),
    timeoutMs: 10_000,
    signal: new AbortController().signal,
    tls: {
      key: identity.privateKey,
      cert: identity.certificateChain,
      ca: identity.caCertificates,
      ...(ticket === undefined ? {} : { session: ticket }),
    },
  });
}

/** A session of the agent's own channel without the agent around it: live once this resolves. */
export async function createAppSession(
  identity: DeviceIdentity,
  options: {
    resume: boolean;
    /** Calls that it answers besides, and what it says of them. */
    handlers?: Partial<PlatformHandlers>;
    capabilities?: readonly string[];
  },
): Promise<Session> {
  let ticket: Buffer | undefined;
  if (options.resume) {
    const first = await dial(identity);
    [ticket] = (await once(first, "session")) as [Buffer];
    first.destroy();
  }
  const socket = await dial(identity, ticket);
  if (socket.isSessionReused() !== options.resume)
    throw new Error("The TLS session was not what was wanted.");
  const session = await openSession({
    socket,
    edgeUrl: identity.edgeUrl,
    auth: { deviceId: identity.deviceId, deviceToken: identity.deviceToken },
    handlers: {
      "desired:changed": () => ({}),
      "device:decommission": () => ({}),
      "certificate:expire": () => ({}),
      "tunnels:changed": () => ({}),
      ...options.handlers,
    },
    logger: silentLogger,
  });
  await session.call("session:hello", {
    versions: [1],
    agentVersion: simulatorVersion,
    capabilities: ["manifests", ...(options.capabilities ?? [])],
    facts: { simulated: true },
  });
  return session;
}
