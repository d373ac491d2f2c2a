import { EventEmitter } from "node:events";
import { createMemoryCallBus, type CallBus } from "./bus-calls.ts";

/** Hints between the services. The store is the truth: a hint that is lost costs latency, never correctness. */
export interface BusEvents {
  /** What a device should run may have changed; without an id, for every device of the organisation. */
  "desired:changed": { organizationId: string; deviceIds?: string[] };
  /** A device was disabled, revoked, re-enrolled or decommissioned: its session must be judged again now. */
  "device:access-changed": { organizationId: string; deviceId: string };
  /** A device's presence or observed state changed; for live views. */
  "device:updated": { organizationId: string; deviceId: string };
  /** An organisation was suspended or resumed. */
  "organization:changed": { organizationId: string };
  /** A template's files changed, so that overlays built on it must be rendered again. */
  "template:changed": { organizationId: string; templateId: string };
}

export type BusTopic = keyof BusEvents;

/** What the services need of a bus; in one process it is an event emitter, across replicas Redis. */
export interface Bus extends CallBus {
  publish<Topic extends BusTopic>(topic: Topic, payload: BusEvents[Topic]): void;
  /** Returns the function that ends the subscription. */
  subscribe<Topic extends BusTopic>(topic: Topic, listener: (payload: BusEvents[Topic]) => void): () => void;
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
