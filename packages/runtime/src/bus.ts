import { EventEmitter } from "node:events";
import { createMemoryCallBus, type CallBus } from "./bus-calls.ts";

/** Hints between the services. The store is the truth: a hint that is lost costs latency, never correctness. */
export interface BusEvents {
  /** What a device should run may have changed; without an id, for every device of the organisation. */
  "desired:changed": { organizationId: string; deviceIds?: string[] };
  /** A device was disabled, revoked, re-enrolled or decommissioned: its session must be judged again now. */
  "device:access-changed": { organizationId: string; deviceId: string };
  /** Presence, observed state or anything else of these devices changed; for live views. */
  "device:updated": { organizationId: string; deviceIds: string[] };
  /** An organisation was renamed, suspended or resumed. */
  "organization:changed": { organizationId: string };
  /** A template, its versions or its state of synchronisation changed; for live views. */
  "template:changed": { organizationId: string; templateId: string };
  /** Events were stored; which kinds, each once. Every change an operator makes is among them. For live views. */
  "event:added": { organizationId: string; kinds: string[] };
  /** Runs of commands began, wrote, ended or were stopped; `hasEnded`: on a device or as a whole. */
  "command:changed": { organizationId: string; runIds: string[]; hasEnded: boolean };
  /**
   * A device that tunnels lead to came, left or went to another connector, or a port of one was freed: connectors
   * look at its tunnels again.
   */
  "tunnel:changed": { organizationId: string; deviceId: string };
  /** A person signed out, lost a token, or has another role: who acts for it is judged again now. */
  "account:changed": { userId: string };
}

export type BusTopic = keyof BusEvents;

/** What the services need of a bus; in one process it is an event emitter, across replicas Redis. */
export interface Bus extends CallBus {
  publish<Topic extends BusTopic>(topic: Topic, payload: BusEvents[Topic]): void;
  /** Returns the function that ends the subscription. */
  subscribe<Topic extends BusTopic>(topic: Topic, listener: (payload: BusEvents[Topic]) => void): () => void;
}

/** Tells of events that were stored, in one hint for each organisation. */
export function publishEvents(
  bus: Pick<Bus, "publish">,
  events: readonly { organizationId: string; kind: string }[],
): void {
  const kindsOf = new Map<string, Set<string>>();
  for (const { organizationId, kind } of events) {
    const kinds = kindsOf.get(organizationId);
    if (kinds === undefined) kindsOf.set(organizationId, new Set([kind]));
    else kinds.add(kind);
  }
  for (const [organizationId, kinds] of kindsOf) {
    bus.publish("event:added", { organizationId, kinds: [...kinds] });
  }
}

export function createMemoryBus(): Bus {
  const emitter = new EventEmitter();
  emitter.setMaxListeners(0);
  return {
    ...createMemoryCallBus(),
    publish(topic, payload) {
      // A subscriber's fault must not reach the publisher, nor run inside its call.
      setImmediate(() => emitter.emit(topic, payload));
    },
    subscribe(topic, listener) {
      const on = (payload: BusEvents[typeof topic]): void => listener(payload);
      emitter.on(topic, on);
      return () => emitter.off(topic, on);
    },
  };
}
