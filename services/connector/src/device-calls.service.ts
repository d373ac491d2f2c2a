import { isRemoteEvent, remoteCalls, type PlatformRequest, type RemoteEvent } from "@rciots/protocol";
import {
  AppError,
  badRequest,
  conflict,
  createKeyedLimit,
  isAppError,
  validate,
  type BusCalls,
  type CallBus,
} from "@rciots/runtime";
import { callDevice, deviceOffline, sessionReplaced } from "./device-call.ts";
import { queuedFrames } from "./dispatcher.ts";
import type { SessionRegistry } from "./session-registry.ts";
import type { Session } from "./session.ts";
import type { ConnectorSettings } from "./settings.ts";

type Request = BusCalls["device:call"]["request"];

const tooMany = (code: string, message: string): AppError => new AppError({ code, status: 429, message });

function unsupported(event: string): AppError {
  const message = `The device's agent does not know ${event} yet: upgrade the agent.`;
  return conflict({ code: "device_unsupported", message, details: { event } });
}

/** What a device says to a call that it can't take, in the platform's terms. */
function translate(error: unknown, event: string): unknown {
  const deviceCode = isAppError(error) ? error.details?.["deviceCode"] : undefined;
  if (deviceCode === "unknown_event") return unsupported(event);
  if (deviceCode === "busy" && isAppError(error)) return tooMany("device_busy", error.message);
  return error;
}

/**
 * Makes the calls that other services ask for on the devices whose sessions are here. Only calls of the contract
 * that need a capability can be asked for; what ends a session or delivers content is the connector's alone.
 */
export function serveDeviceCalls(options: {
  bus: CallBus;
  connectorId: string;
  registry: Pick<SessionRegistry, "current">;
  settings: ConnectorSettings;
  now: () => number;
}): () => void {
  const { bus, connectorId, registry, settings, now } = options;
  const ofDevice = createKeyedLimit(settings.maxRemoteCallsPerDevice);
  const ofOrganization = createKeyedLimit(settings.maxRemoteCallsPerOrganization);

  function liveSession({ organizationId, deviceId, sessionId }: Request): Session {
    const session = registry.current(deviceId);
    const isTheirs = session?.identity.organizationId === organizationId;
    if (session === undefined || !isTheirs || session.state !== "live") throw deviceOffline();
    if (sessionId !== null && session.id !== sessionId) throw sessionReplaced();
    return session;
  }

  async function call<Event extends RemoteEvent>(
    session: Session,
    event: Event,
    { payload, timeoutMs }: Request,
    signal: AbortSignal,
  ): Promise<unknown> {
    if (!session.capabilities.includes(remoteCalls[event].capability)) throw unsupported(event);
    const request = validate(remoteCalls[event].request, payload, "payload") as PlatformRequest<Event>;
    // A device that takes nothing would make us hold what it is asked.
    if (queuedFrames(session) > settings.maxQueuedFrames / 2) {
      throw tooMany(
        "device_busy",
        "The device's connection is too slow for more calls now; try again later.",
      );
    }
    session.asked += 1;
    try {
      return await callDevice(session, event, request, { timeoutMs, signal });
    } catch (error) {
      throw translate(error, event);
    } finally {
      session.asked -= 1;
      session.workedAt = now();
    }
  }

  return bus.serve("device:call", connectorId, async (request, { signal }) => {
    const { event, deviceId, organizationId } = request;
    if (!isRemoteEvent(event)) throw badRequest({ message: "There is no such call of a device." });
    const session = liveSession(request);
    const leaveDevice = ofDevice.take(deviceId);
    if (leaveDevice === undefined)
      throw tooMany("device_busy", "Too much is asked of this device at once; wait for it.");
    const leaveOrganization = ofOrganization.take(organizationId);
    try {
      if (leaveOrganization === undefined)
        throw tooMany(
          "organization_busy",
          "Too much is asked of your devices at once; try again in a moment.",
        );
      return await call(session, event, request, signal);
    } finally {
      leaveOrganization?.();
      leaveDevice();
    }
  });
}
