import { joinHostPort, newId } from "@rciots/runtime";
import type { Event } from "../models.ts";
import { platformActor } from "../platform-actor.ts";
import type { NewEvent } from "../repositories/events.repository.ts";

/** Who asks for a connection to what, and by which way. */
export interface AskedConnection {
  organizationId: string;
  deviceId: string;
  actor: Event["actor"];
  address: string | null;
  target: { host: string; port: number };
  way: {
    /** So many connections of one are written down one by one. */
    id: string;
    /** In words, such as `the tunnel on port 20022`. */
    name: string;
  };
  /** What else is to be known of it. */
  details?: Record<string, unknown>;
}

/** What went through a connection that is over. */
export interface ConnectionEnd {
  durationMs: number;
  sentBytes: number;
  receivedBytes: number;
}

/** Connections of one way that are not written down one by one. */
export interface ConnectionSum {
  /** The first of them. */
  asked: AskedConnection;
  opened: number;
  refused: number;
  ended: number;
  durationMs: number;
  sentBytes: number;
  receivedBytes: number;
  /** How many there were of each. */
  actors: Map<string, number>;
  addresses: Map<string, number>;
  targets: Map<string, number>;
  reasons: Map<string, number>;
}

export interface Reason {
  code: string;
  message: string;
}

export const targetText = ({ host, port }: AskedConnection["target"]): string => joinHostPort(host, port);

function eventOf(
  { organizationId, deviceId, actor, address, target, details }: AskedConnection,
  what: { verb: string; atMs: number; message: string; details: object },
): NewEvent {
  const { verb, atMs, message } = what;
  return {
    // With an identifier of its own it can be stored again where it is not known whether it was.
    _id: newId("evt", atMs),
    at: new Date(atMs),
    organizationId,
    deviceId,
    kind: `connection.${verb}`,
    severity: verb === "refused" ? "warning" : "info",
    actor,
    address,
    message,
    details: { target, ...details, ...what.details },
  };
}

interface Opening {
  connectionId: string;
  atMs: number;
}

/** With its end, where it is over already. */
export function openedEvent(
  asked: AskedConnection,
  { connectionId, atMs }: Opening,
  end?: ConnectionEnd,
): NewEvent {
  const message = `A connection to ${targetText(asked.target)} was opened through ${asked.way.name}.`;
  return eventOf(asked, { verb: "opened", atMs, message, details: { connectionId, ...end } });
}

export function closedEvent(asked: AskedConnection, opening: Opening, end: ConnectionEnd): NewEvent {
  const message = `A connection to ${targetText(asked.target)} through ${asked.way.name} ended.`;
  const { connectionId } = opening;
  const openedAt = new Date(opening.atMs).toISOString();
  const atMs = opening.atMs + end.durationMs;
  return eventOf(asked, { verb: "closed", atMs, message, details: { connectionId, openedAt, ...end } });
}

export function refusedEvent(asked: AskedConnection, reason: Reason, atMs: number): NewEvent {
  const way = `A connection to ${targetText(asked.target)} through ${asked.way.name}`;
  const message = `${way} was refused: ${reason.message}`;
  return eventOf(asked, { verb: "refused", atMs, message, details: { reason: reason.code } });
}

const listOf = (counts: Map<string, number>): string[] =>
  [...counts].map(([name, count]) => `${name}: ${count}`);

function sumText({ asked, opened, refused, ended }: ConnectionSum): string {
  const { name } = asked.way;
  const count = opened + refused;
  if (count === 0) return `Connections through ${name} that were only counted ended: ${ended}.`;
  const more = count === 1 ? "One more connection" : `${count} more connections`;
  return `${more} through ${name}, only counted: ${opened} opened, ${refused} refused.`;
}

/** One for all: how many there were, and of whom. */
export function summedEvent(sum: ConnectionSum, span: { fromMs: number; toMs: number }): NewEvent {
  const { asked, opened, refused, ended, durationMs, sentBytes, receivedBytes } = sum;
  const isOfOne = sum.actors.size <= 1 && sum.addresses.size <= 1;
  return {
    ...eventOf(asked, { verb: "summed", atMs: span.toMs, message: sumText(sum), details: {} }),
    ...(isOfOne ? {} : { actor: platformActor, address: null }),
    details: {
      ...asked.details,
      from: new Date(span.fromMs).toISOString(),
      to: new Date(span.toMs).toISOString(),
      opened,
      refused,
      ended,
      durationMs,
      sentBytes,
      receivedBytes,
      actors: listOf(sum.actors),
      addresses: listOf(sum.addresses),
      targets: listOf(sum.targets),
      reasons: listOf(sum.reasons),
    },
  };
}
