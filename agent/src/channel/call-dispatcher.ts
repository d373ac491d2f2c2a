import {
  isPlatformEvent,
  malformedEvent,
  platformCalls,
  streamFrameEvent,
  type Ack,
  type PlatformEvent,
  type PlatformRequest,
  type PlatformResponse,
  type RemoteEvent,
} from "@rciots/protocol";
import {
  AppError,
  errorMessage,
  fieldFaults,
  isAppError,
  type FieldFault,
  type Logger,
} from "@rciots/runtime";
import { createAllowance } from "./allowance.ts";
import type { SessionEnd } from "./session-fault.ts";

type Handlers<Event extends PlatformEvent> = {
  [Name in Event]: (
    payload: PlatformRequest<Name>,
  ) => Promise<PlatformResponse<Name>> | PlatformResponse<Name>;
};

/**
 * What the agent does on each call of the platform; a rejection becomes the answer. Those that need a capability
 * are there where the agent names it in hello.
 */
export type PlatformHandlers = Handlers<Exclude<PlatformEvent, RemoteEvent | "session:close">> &
  Partial<Handlers<RemoteEvent>>;

export interface CallDispatcherOptions {
  handlers: PlatformHandlers;
  logger: Logger;
  /** The peer breaks the contract, or asks for more than any honest one would. */
  onAbuse: (reason: string) => void;
  /** `session:close` arrived; its answer goes out right after. The connection may be cut at the same moment. */
  onClose: (end: SessionEnd) => void;
}

/** Checks, answers and counts what the platform sends. Nothing that arrives makes it throw. */
export function createCallDispatcher(options: CallDispatcherOptions): {
  dispatch(event: string, args: unknown[]): void;
} {
  const { handlers, logger, onAbuse, onClose } = options;
  const invalid = createAllowance({ burst: 20, perSecond: 0.2 });
  const valid = createAllowance({ burst: 500, perSecond: 100 });

  function countInvalid(reason: string): void {
    logger.warn({ reason }, "the platform sent a message that is not valid");
    if (!invalid.take()) onAbuse("too many messages that are not valid");
  }

  async function run(event: PlatformEvent, payload: unknown): Promise<unknown> {
    const parsed = platformCalls[event].request.safeParse(payload);
    if (!parsed.success) throw invalidPayload(event, fieldFaults(parsed.error)[0]);
    if (event === "session:close") {
      onClose(parsed.data as PlatformRequest<"session:close">);
      return {};
    }
    // The payload was parsed by the schema of this very event.
    const handler = handlers[event] as ((payload: unknown) => unknown) | undefined;
    if (handler === undefined) throw unknownEvent(event);
    return handler(parsed.data);
  }

  async function answer(event: string, payload: unknown, acknowledge: (ack: Ack) => void): Promise<void> {
    try {
      if (!isPlatformEvent(event)) throw unknownEvent(event);
      if (!valid.take()) return onAbuse("more calls than any honest platform makes");
      acknowledge({ ok: true, data: await run(event, payload) });
    } catch (error) {
      const isTheirs = isAppError(error) && ["unknown_event", "invalid_payload"].includes(error.code);
      if (isTheirs) countInvalid(error.message);
      else logger.warn({ event, error: errorMessage(error) }, "a call of the platform failed");
      acknowledge({ ok: false, error: publicError(error) });
    }
  }

  return {
    dispatch(event, args) {
      if (event === streamFrameEvent) return countInvalid("a stream frame, and this device takes no streams");
      if (event === malformedEvent) return countInvalid(String(args[0]));
      const last = args.at(-1);
      const acknowledge = typeof last === "function" ? (last as (ack: Ack) => void) : () => undefined;
      void answer(event, args[0], acknowledge);
    },
  };
}

function unknownEvent(event: string): AppError {
  return new AppError({
    code: "unknown_event",
    status: 404,
    message: `This agent knows no event ${event.slice(0, 64)}.`,
  });
}

function invalidPayload(event: string, fault: FieldFault | undefined): AppError {
  const where = fault === undefined ? "" : ` (${fault.field.slice(0, 128)}: ${fault.message.slice(0, 256)})`;
  return new AppError({
    code: "invalid_payload",
    status: 400,
    message: `The payload of ${event} is not valid${where}.`,
  });
}

function publicError(error: unknown): { code: string; message: string } {
  if (isAppError(error)) return { code: error.code, message: error.message };
  return { code: "internal_error", message: "Something went wrong on the device." };
}
