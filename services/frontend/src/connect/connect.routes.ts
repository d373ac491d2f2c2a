import { idField } from "@rciots/protocol";
import { z } from "zod";
import type { Route } from "../http/route.ts";
import { defineSocketRoute } from "../http/socket-route.ts";
import { maxConnectMessageBytes, type ConnectService } from "./connect.service.ts";

export function connectRoutes({ connects }: { connects: ConnectService }): Route[] {
  return [
    defineSocketRoute({
      path: "/devices/{id}/connect",
      id: "connectDevice",
      tag: "Tunnels",
      summary: "Open TCP connections to what a device reaches, many on one WebSocket",
      description:
        "What `rciots connect` speaks: no port is opened on the platform. The device's own list decides which targets may be reached.",
      access: "operator",
      params: z.strictObject({ id: idField("dev") }),
      about:
        "Binary messages are stream frames, as docs/protocol.md describes them; the caller opens streams, with even ids.",
      maxMessageBytes: maxConnectMessageBytes,
      problems: [409],
      prepare: ({ caller, params: { id }, context }) => connects.prepare({ caller, context }, id),
    }),
  ];
}
