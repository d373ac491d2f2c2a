import type { Server, Socket } from "socket.io";
import { errorMessage, type Logger } from "@rciots/runtime";
import type { Admission } from "./admission.service.ts";
import { isAcknowledged, tellDevice } from "./device-call.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { PresenceService } from "./presence.service.ts";
import { refusal } from "./refusal.ts";
import { closeConnection } from "./session-ending.ts";
import type { SessionRegistry } from "./session-registry.ts";
import type { Session, SocketData } from "./session.ts";
import type { ConnectorSettings } from "./settings.ts";

const farewellTimeoutMs = 5_000;
const emptyHandshake = Object.freeze({
  headers: {},
  time: "",
  address: "",
  xdomain: false,
  secure: true,
  issued: 0,
  url: "",
  query: {},
  auth: {},
});

/**
 * What no longer matters once the session is there: request, headers and handshake of ten thousand peers.
 * engine.io keeps the request alive through a listener of its own, so that what hangs on it goes too.
 */
function lighten(socket: Socket): void {
  Object.assign(socket.conn.request, {
    rawHeaders: [],
    headers: {},
    url: "",
    websocket: null,
    _query: {},
    client: null,
  });
  Object.assign(socket, { handshake: emptyHandshake });
  Object.assign(socket.conn, { request: null });
}

export interface LifecycleOptions {
  admission: Admission;
  dispatcher: Dispatcher;
  registry: SessionRegistry;
  presence: PresenceService;
  /** The device's current session is over, and no newer one has taken its place. */
  onGone: (session: Session) => void;
  settings: ConnectorSettings;
  logger: Logger;
}

/** From socket.io's events to sessions: who is admitted is listened to, and who left is marked offline. */
export function serveSessions(io: Server, options: LifecycleOptions): void {
  const { admission, dispatcher, registry, presence, onGone, settings, logger } = options;

  async function sayFarewell(socket: Socket, farewell: NonNullable<SocketData["farewell"]>): Promise<void> {
    const { wipeWorkloads, transport } = farewell;
    await isAcknowledged({ socket }, "device:decommission", { wipeWorkloads }, farewellTimeoutMs);
    tellDevice(
      { socket },
      "session:close",
      refusal("device_decommissioned", "The device was decommissioned."),
    );
    closeConnection(socket, transport, settings.cutGraceMs);
  }

  function onDisconnect(this: Socket): void {
    // A DISCONNECT packet leaves the connection open; nothing may come on it any more.
    this.conn.close();
    const { session } = this.data as SocketData;
    if (session === undefined) return;
    session.state = "ended";
    session.streams?.close({ code: "session_ended", message: "The device's session ended." });
    if (!registry.remove(session)) return;
    void presence.close(session);
    onGone(session);
  }

  function onConnection(socket: Socket): void {
    const { session, farewell } = socket.data as SocketData;
    lighten(socket);
    socket.on("disconnect", onDisconnect);
    if (farewell !== undefined) void sayFarewell(socket, farewell);
    else if (session === undefined || session.state === "ended") socket.disconnect(true);
    else dispatcher.attach(socket);
  }

  io.use((socket, next) => {
    admission.admit(socket).then(
      (data) => {
        socket.data = data;
        next();
      },
      (error: Error) => {
        next(error);
        // The refusal has been written by then; a refused peer has nothing more to say.
        setImmediate(() => socket.conn.close());
      },
    );
  });
  io.on("connection", (socket) => {
    try {
      onConnection(socket);
    } catch (error) {
      logger.error({ error: errorMessage(error) }, "session could not begin");
      socket.disconnect(true);
    }
  });
}
