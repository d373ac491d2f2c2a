import {
  createTerminalReader,
  terminalFrame,
  terminalFrames,
  type ByteStream,
  type DeviceStreams,
  type TerminalTarget,
} from "@rciots/protocol";
import { AppError, forbidden, isAppError, newId } from "@rciots/runtime";
import type { Store } from "@rciots/store";
import type { Acting, Audit } from "../audit/audit.ts";
import { hasRole, type Member } from "../auth/caller.ts";
import type { RouteSocket } from "../http/route-socket.ts";
import type { PreparedSocket } from "../http/socket-route.ts";
import { remoteAccessOf } from "../remote-access/remote-access.service.ts";
import { requireDevice } from "../devices/require-device.ts";

export interface TerminalWish {
  columns: number;
  rows: number;
  /** Where a new one runs; undefined: on the device itself. */
  pod?: TerminalTarget["pod"];
  /** Of one that was lost in a gap. */
  resume?: { session: string; shown: number } | undefined;
}

export type TerminalService = ReturnType<typeof createTerminalService>;
type MemberActing = Acting & { caller: Member };

const maxOfOrganization = 50;
/** Larger than the stream's own frames, so that one may be cut in two. */
const pieceBytes = 32_768;

const describe = ({ pod, resume }: TerminalWish): string => {
  if (resume !== undefined) return "A terminal was taken up again";
  return pod === undefined
    ? "A terminal was opened"
    : `A terminal was opened in ${pod.namespace}/${pod.name}`;
};

/** Terminals of devices over WebSockets: who may, and what is on record. */
export function createTerminalService(options: {
  store: Pick<Store, "devices" | "organizations">;
  deviceStreams: DeviceStreams;
  audit: Audit;
}) {
  const { store, deviceStreams, audit } = options;
  const open = new Map<string, number>();

  /** Throws where the caller may not. */
  async function admit({ organizationId, role }: Member, deviceId: string): Promise<{ name: string }> {
    const device = await requireDevice(store, organizationId, deviceId);
    const organization = await store.organizations.find(organizationId);
    const least = organization === null ? null : remoteAccessOf(organization).terminal;
    if (least === null) {
      const message = "Your organisation opens no terminals; an owner can change that under remote access.";
      throw forbidden({ code: "terminal_not_allowed", message });
    }
    if (!hasRole(role, least)) {
      const message = `In your organisation terminals need the role ${least} or a higher one.`;
      throw forbidden({ code: "terminal_not_allowed", message });
    }
    return device;
  }

  function enter(organizationId: string): () => void {
    const count = open.get(organizationId) ?? 0;
    if (count >= maxOfOrganization) {
      const message = `Your organisation has ${count} terminals open; close some.`;
      throw new AppError({ code: "too_many_terminals", status: 429, message });
    }
    open.set(organizationId, count + 1);
    return () => {
      const left = (open.get(organizationId) ?? 1) - 1;
      if (left === 0) open.delete(organizationId);
      else open.set(organizationId, left);
    };
  }

  return {
    async prepare(acting: MemberActing, deviceId: string, wish: TerminalWish): Promise<PreparedSocket> {
      const { caller } = acting;
      const { organizationId, userId } = caller;
      const device = await admit(caller, deviceId);
      const session = wish.resume?.session ?? newId("trm");
      const { columns, rows, pod } = wish;
      const target: TerminalTarget = {
        kind: "terminal",
        session,
        owner: userId,
        columns,
        rows,
        ...(wish.resume === undefined ? {} : { shown: wish.resume.shown }),
        ...(pod === undefined ? {} : { pod }),
      };
      const details = { terminalId: session, ...(pod === undefined ? {} : { pod }) };
      return {
        opening: {
          deviceId,
          kind: wish.resume === undefined ? "terminal.opened" : "terminal.resumed",
          message: `${describe(wish)} on ${device.name}.`,
          details,
        },
        async run(socket) {
          const leave = enter(organizationId);
          const began = performance.now();
          let stream: ByteStream | undefined;
          let fault: unknown;
          try {
            stream = await deviceStreams.open({ organizationId, deviceId }, target, socket.signal);
            await join(socket, stream);
          } catch (error) {
            fault = error;
            throw error;
          } finally {
            leave();
            await audit.record(acting, {
              organizationId,
              deviceId,
              kind: "terminal.closed",
              message: `A terminal on ${device.name} was closed.`,
              details: {
                ...details,
                durationMs: Math.round(performance.now() - began),
                sentBytes: stream?.sentBytes ?? 0,
                receivedBytes: stream?.receivedBytes ?? 0,
                ...(isAppError(fault) ? { reason: fault.code } : {}),
              },
            });
          }
        },
      };
    },
  };
}

const badFrames = new AppError({
  code: "device_bad_answer",
  status: 502,
  message: "What the device sent is no terminal.",
});

/** Taken away, rather than lost: nobody may come back to it. */
const isFinal = (reason: unknown): boolean => isAppError(reason) && [401, 403, 404].includes(reason.status);

/**
 * Carries frames between a WebSocket, where each is a message of kind and body, and a stream. Resolves once the device
 * has said all; rejects where the device breaks it off.
 */
function join(socket: RouteSocket, stream: ByteStream): Promise<void> {
  return new Promise((resolve, reject) => {
    const reader = createTerminalReader((kind, body) => {
      isBehind = !socket.send(Buffer.concat([Buffer.from([kind]), body]));
    });
    let isBehind = false;
    let unconsumed = 0;

    function consume(): void {
      stream.consumed(unconsumed);
      unconsumed = 0;
    }

    socket.signal.addEventListener("abort", () => {
      if (isFinal(socket.signal.reason)) {
        stream.write(terminalFrame(terminalFrames.close, Buffer.alloc(0)));
        stream.end();
      } else stream.reset({ code: "closed", message: "The other end is gone." });
      resolve();
    });
    socket.onWritable(() => {
      isBehind = false;
      consume();
    });
    socket.onMessage((message, isBinary) => {
      const [kind] = message;
      if (!isBinary || kind === undefined) return;
      for (let at = 1; at === 1 || at < message.length; at += pieceBytes) {
        const isOver = !stream.write(terminalFrame(kind, message.subarray(at, at + pieceBytes)));
        if (isOver) socket.pause();
      }
    });
    stream.listen({
      onData(bytes) {
        unconsumed += bytes.length;
        if (!reader.push(bytes)) {
          stream.reset({ code: "target_invalid", message: "These are no terminal's frames." });
          return reject(badFrames);
        }
        if (!isBehind) consume();
      },
      onEnd() {
        stream.end();
        resolve();
      },
      onWritable: () => socket.resume(),
      onReset({ code, message }) {
        reject(new AppError({ code, status: code === "session_ended" ? 503 : 409, message }));
      },
    });
  });
}
