import { oncePerTurn, rowsByName, type Readings } from "./readings.ts";

/** Counts are since the start of the process; `stats()` of the connector. */
export interface ConnectorNumbers {
  sessions: number;
  live: number;
  edge: Readonly<Record<string, number>>;
  refused: Readonly<Record<string, number>>;
  moved: number;
  calls: Readonly<Record<string, number>>;
  offers: Readonly<Record<string, number>>;
  reports: Readonly<Record<string, number>>;
  streams: { opened: number; refused: number; sentBytes: number; receivedBytes: number };
  tunnels: { open: number; standby: number; failed: number; connections: number };
}

const handshakes = { full: "handshakes", resumed: "resumed", refused: "tlsRefused", shed: "shed" };
const refusals = ["busy", "draining", "device_disabled", "certificate_expired"];
const states = ["downloading", "applying", "progressing", "healthy", "degraded", "failed", "rolled_back"];

export function watchConnector(readings: Readings, readAll: () => ConnectorNumbers): void {
  const read = oncePerTurn(readAll);
  const { gauge, counter } = readings;
  gauge({
    name: "rciots_sessions",
    help: "Devices connected to this process: all, and those that have said hello.",
    label: ["state"],
    read: () => {
      const { sessions, live } = read();
      return [
        [["connected"], sessions],
        [["live"], live],
      ];
    },
  });
  counter({
    name: "rciots_handshakes_total",
    help: "TLS handshakes of devices: full, resumed, refused for their certificate, shed under load.",
    label: ["kind"],
    read: () => {
      const { edge } = read();
      const count = (name: string): number => edge[name] ?? 0;
      // What is resumed has shaken hands too.
      const full = count("handshakes") - count("resumed");
      return Object.entries(handshakes).map(([kind, name]) => [[kind], kind === "full" ? full : count(name)]);
    },
  });
  counter({
    name: "rciots_session_refusals_total",
    help: "Connections that got no session, by the code the device was told.",
    label: ["code"],
    read: () => rowsByName(read().refused, refusals),
  });
  counter({
    name: "rciots_sessions_moved_total",
    help: "Sessions sent to other connectors that had fewer.",
    read: () => read().moved,
  });
  counter({
    name: "rciots_device_messages_total",
    help: "Messages of devices: received, answered, and refused by code.",
    label: ["outcome"],
    read: () => rowsByName(read().calls, ["messages", "answered"]),
  });
  counter({
    name: "rciots_offers_total",
    help: "Desired states told to devices: offered, and taken.",
    label: ["outcome"],
    read: () => rowsByName(read().offers, ["offered", "taken"]),
  });
  counter({
    name: "rciots_revision_reports_total",
    help: "Reports of devices about a revision, by its state.",
    label: ["state"],
    read: () => rowsByName(read().reports, states),
  });
  counter({
    name: "rciots_streams_total",
    help: "Streams to devices, for tunnels, terminals and others: opened, and refused.",
    label: ["outcome"],
    read: () => {
      const { opened, refused } = read().streams;
      return [
        [["opened"], opened],
        [["refused"], refused],
      ];
    },
  });
  counter({
    name: "rciots_stream_bytes_total",
    help: "Bytes through streams: sent to devices, received from them.",
    label: ["direction"],
    read: () => {
      const { sentBytes, receivedBytes } = read().streams;
      return [
        [["sent"], sentBytes],
        [["received"], receivedBytes],
      ];
    },
  });
  gauge({
    name: "rciots_tunnels",
    help: "Ports that lead to devices: open here, left to another process of the machine, and not to be had.",
    label: ["state"],
    read: () => {
      const { open, standby, failed } = read().tunnels;
      return [
        [["open"], open],
        [["standby"], standby],
        [["failed"], failed],
      ];
    },
  });
  gauge({
    name: "rciots_tunnel_connections",
    help: "Connections through those ports at the moment.",
    read: () => read().tunnels.connections,
  });
}
