import type { Socket } from "socket.io";
import type { TLSSocket } from "node:tls";
import { tellDevice } from "./device-call.ts";
import type { Refusal } from "./refusal.ts";
import type { Session } from "./session.ts";

/**
 * Closes the connection once what was written has been sent, and after `graceMs` in any case: a peer that does
 * not read, or does not answer the closing handshake, must not keep it open.
 */
export function closeConnection(socket: Socket, transport: TLSSocket, graceMs: number): void {
  socket.conn.close();
  setTimeout(() => transport.destroy(), graceMs).unref();
}

/** Ends a session: the reason first, then the connection. One that is still being checked is refused instead. */
export function endSession(session: Session, reason: Refusal, graceMs: number): void {
  if (session.state === "ended") return;
  const wasOpening = session.state === "opening";
  session.state = "ended";
  session.ending = reason;
  session.streams?.close({ code: "session_ended", message: reason.message });
  if (wasOpening) return;
  tellDevice(session, "session:close", reason);
  closeConnection(session.socket, session.transport, graceMs);
}
