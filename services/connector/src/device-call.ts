import { ackEnvelope, type PlatformEvent, type PlatformRequest } from "@rciots/protocol";
import type { Session } from "./session.ts";

/** Calls a device. Resolves to whether it acknowledged in time with `ok`; never rejects. */
export function callDevice<Event extends PlatformEvent>(
  session: Pick<Session, "socket">,
  event: Event,
  payload: PlatformRequest<Event>,
  timeoutMs: number,
): Promise<boolean> {
  return new Promise((resolve) => {
    session.socket.timeout(timeoutMs).emit(event, payload, (late: unknown, ack: unknown) => {
      const parsed = late === null ? ackEnvelope.safeParse(ack) : undefined;
      resolve(parsed?.success === true && parsed.data.ok);
    });
  });
}

/** Calls a device that is about to be cut; whether it acknowledges makes no difference. */
export function tellDevice<Event extends PlatformEvent>(
  session: Pick<Session, "socket">,
  event: Event,
  payload: PlatformRequest<Event>,
): void {
  session.socket.emit(event, payload, () => undefined);
}
