import type { DeviceRequest } from "@rciots/protocol";
import { AppError, createSemaphore } from "@rciots/runtime";
import type { DesiredStatePort } from "./desired.service.ts";
import { queuedFrames } from "./dispatcher.ts";
import type { Session } from "./session.ts";
import type { ConnectorSettings } from "./settings.ts";

export type BundleReader = (session: Session, request: DeviceRequest<"bundle:read">) => Promise<Uint8Array>;

const busy = (message: string): AppError => new AppError({ code: "busy", status: 429, message });
const gone = (): AppError =>
  new AppError({ code: "bundle_gone", status: 410, message: "This is no longer the device's content." });

/** Chunks that wait in engine.io for a slow peer; control messages never queue behind more. */
const maxWaitingChunks = 2;

/**
 * Serves bundles in chunks. A session has few chunks under way, so that its control messages never wait behind
 * more than those, and first come is first served among sessions.
 */
export function createBundleReader(options: {
  desiredState: DesiredStatePort;
  settings: ConnectorSettings;
}): BundleReader {
  const { desiredState, settings } = options;
  const slots = createSemaphore(settings.maxReads);

  async function read(session: Session, request: DeviceRequest<"bundle:read">): Promise<Uint8Array> {
    const { encodedDigest, offset, length } = request;
    const bundle = await desiredState.readBundle(session.identity.deviceId, encodedDigest);
    if (bundle === undefined) throw gone();
    if (offset >= bundle.byteLength) {
      throw new AppError({
        code: "invalid_payload",
        status: 400,
        message: "The offset is behind the bundle's end.",
      });
    }
    return bundle.subarray(offset, offset + length);
  }

  return async (session, request) => {
    if (session.reads >= settings.maxReadsInFlight) throw busy("Too many chunks are asked for at once.");
    if (queuedFrames(session) > maxWaitingChunks) throw busy("Chunks sent before have not been read yet.");
    session.reads += 1;
    try {
      return await slots.run(() => read(session, request));
    } finally {
      session.reads -= 1;
    }
  };
}
