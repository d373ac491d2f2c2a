import { z } from "zod";
import { idField, streamTarget } from "@rciots/protocol";

/** What a process asks the one that holds a session for. */
export const relayRequest = z.strictObject({
  organizationId: idField("org"),
  deviceId: idField("dev"),
  sessionId: idField("ses"),
  target: streamTarget,
});
export type RelayRequest = z.output<typeof relayRequest>;
