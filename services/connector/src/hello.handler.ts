import { isDeepStrictEqual } from "node:util";
import {
  protocolVersions,
  remoteCalls,
  streamCapabilities,
  tunnelRequestCapability,
  type DeviceRequest,
  type DeviceResponse,
  type Facts,
} from "@rciots/protocol";
import { AppError } from "@rciots/runtime";
import type { DesiredReader } from "./desired.service.ts";
import { refusal, spread } from "./refusal.ts";
import { endSession } from "./session-ending.ts";
import { toldOf, type Session } from "./session.ts";
import type { ConnectorSettings } from "./settings.ts";

const knownWords = [
  ...new Set([
    ...Object.values(remoteCalls).map(({ capability }) => capability),
    ...Object.values(streamCapabilities),
    tunnelRequestCapability,
  ]),
].sort();

export interface HelloHandler {
  hello(session: Session, request: DeviceRequest<"session:hello">): Promise<DeviceResponse<"session:hello">>;
  readonly inProgress: number;
}

/** Agrees on a version, notes what the device says of itself, and answers what it should run. */
export function createHelloHandler(options: {
  desired: DesiredReader;
  saveFacts: (session: Session, facts: Facts) => Promise<void>;
  onLive: (session: Session) => void;
  settings: ConnectorSettings;
  now: () => number;
}): HelloHandler {
  const { desired, saveFacts, onLive, settings, now } = options;
  let inProgress = 0;
  const knownCapabilities = new Map<string, readonly string[]>();

  /** The same list for all sessions that say the same; only words that somebody asks for are kept. */
  function shared(words: readonly string[]): readonly string[] {
    const known = knownWords.filter((word) => words.includes(word));
    const key = known.join(" ");
    const list = knownCapabilities.get(key) ?? known;
    knownCapabilities.set(key, list);
    return list;
  }

  function agreeOnVersion(session: Session, offered: number[]): number {
    const version = protocolVersions.find((known) => offered.includes(known));
    if (version !== undefined) return version;
    const message = `The platform speaks version ${protocolVersions.join(", ")} of the protocol.`;
    // After the answer to this call has gone out.
    setImmediate(() => endSession(session, refusal("version_unsupported", message), settings.cutGraceMs));
    throw new AppError({ code: "version_unsupported", status: 400, message });
  }

  async function answer(
    session: Session,
    request: DeviceRequest<"session:hello">,
  ): Promise<DeviceResponse<"session:hello">> {
    const version = agreeOnVersion(session, request.versions);
    const { device, desired: state } = await desired.of(session.identity.deviceId);
    const facts = { ...request.facts, agentVersion: request.agentVersion };
    session.capabilities = shared(request.capabilities);
    const isKnown =
      isDeepStrictEqual(device.facts, facts) && isDeepStrictEqual(device.capabilities, session.capabilities);
    if (!isKnown) await saveFacts(session, facts);
    if (session.state === "connected") session.state = "live";
    session.told = toldOf(state);
    if (session.state === "live") onLive(session);
    return { version, sessionId: session.id, serverTime: new Date(now()).toISOString(), desired: state };
  }

  return {
    async hello(session, request) {
      if (inProgress >= settings.maxHellos) {
        throw new AppError({
          code: "busy",
          status: 503,
          message: "Too many devices came at once; say hello again later.",
          details: { retryAfterMs: spread(1_000 + inProgress) },
        });
      }
      inProgress += 1;
      try {
        return await answer(session, request);
      } finally {
        inProgress -= 1;
      }
    },
    get inProgress() {
      return inProgress;
    },
  };
}
