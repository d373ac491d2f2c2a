import type { Socket } from "node:net";

/**
 * Ends a connection with a reset, now. `resetAndDestroy` of Node sends what is left and a FIN first: a peer that
 * does not read would keep the connection for good, and another one would take the FIN for an orderly end.
 */
export function resetSocket(socket: Socket): void {
  // What `destroy` looks at; where Node has no such field any more, it closes without a reset.
  Object.assign(socket, { resetAndClosing: true });
  socket.destroy();
}
