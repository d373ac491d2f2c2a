import {
  ackEnvelope,
  platformCalls,
  type PlatformEvent,
  type PlatformRequest,
  type PlatformResponse,
} from "@rciots/protocol";
import { AppError, conflict } from "@rciots/runtime";
import type { Session } from "./session.ts";

export interface DeviceCallOptions {
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

export const deviceOffline = (): AppError =>
  conflict({ code: "device_offline", message: "The device is not connected; try again when it is online." });

export const sessionReplaced = (): AppError =>
  conflict({ code: "session_replaced", message: "The device has connected anew meanwhile." });

const deviceTimeout = (timeoutMs: number): AppError =>
  new AppError({
    code: "device_timeout",
    status: 504,
    message: `The device did not answer in ${Math.round(timeoutMs / 1_000)} s.`,
  });

/**
 * Calls a device and returns what it answers. Rejects with `device_offline` (409) once its session is over,
 * `device_timeout` (504), `device_refused` (409; the device's own words, its code in `details.deviceCode`),
 * `device_bad_answer` (502) where the answer is not what the contract says, and with the signal's reason.
 */
export async function callDevice<Event extends PlatformEvent>(
  session: Pick<Session, "socket">,
  event: Event,
  payload: PlatformRequest<Event>,
  options: DeviceCallOptions,
): Promise<PlatformResponse<Event>> {
  const parsed = ackEnvelope.safeParse(await acknowledgementOf(session, event, payload, options));
  if (!parsed.success) throw badAnswer(event);
  if (!parsed.data.ok) {
    const { code, message } = parsed.data.error;
    throw conflict({
      code: "device_refused",
      message: `The device: ${message}`,
      details: { deviceCode: code },
    });
  }
  const data = platformCalls[event].response.safeParse(parsed.data.data);
  if (!data.success) throw badAnswer(event);
  return data.data as PlatformResponse<Event>;
}

function badAnswer(event: string): AppError {
  return new AppError({
    code: "device_bad_answer",
    status: 502,
    message: `The device's answer to ${event} is not what the contract says.`,
  });
}

/** The answer as it came; ends with the session, the signal or the time, whichever is first. */
function acknowledgementOf(
  { socket }: Pick<Session, "socket">,
  event: string,
  payload: unknown,
  { timeoutMs, signal }: DeviceCallOptions,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      socket.off("disconnect", onDisconnect);
      signal?.removeEventListener("abort", onAbort);
      act();
    };
    const onDisconnect = (): void => settle(() => reject(deviceOffline()));
    const onAbort = (): void => settle(() => reject(signal?.reason as Error));
    if (signal?.aborted === true) return onAbort();
    if (!socket.connected) return onDisconnect();
    socket.once("disconnect", onDisconnect);
    signal?.addEventListener("abort", onAbort, { once: true });
    socket.timeout(timeoutMs).emit(event, payload, (late: unknown, ack: unknown) => {
      settle(() => (late === null ? resolve(ack) : reject(deviceTimeout(timeoutMs))));
    });
  });
}

/** Calls a device. Resolves to whether it acknowledged in time with `ok`; never rejects. */
export function isAcknowledged<Event extends PlatformEvent>(
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
