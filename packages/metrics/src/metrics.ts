import type { IncomingMessage, ServerResponse } from "node:http";
import { withTimeout, type RequestMeasure, type StoreMeasure } from "@rciots/runtime";
import { collectDefaultMetrics, Histogram, Registry } from "prom-client";
import { watchConnector, type ConnectorNumbers } from "./connector-metrics.ts";
import { watchEnroll, type EnrollNumbers } from "./enroll-metrics.ts";
import { createReadings } from "./readings.ts";

/**
 * The numbers of one process, as Prometheus reads them. No label is ever a device, an organisation, a person, an
 * address or anything else that a fleet has many of.
 */
export interface Metrics {
  observeRequest(measure: RequestMeasure): void;
  observeStore(measure: StoreMeasure): void;
  /** What is read when Prometheus asks. Each may be told once. */
  watchConnector(read: () => ConnectorNumbers): void;
  watchEnroll(read: () => Promise<EnrollNumbers>): void;
  watchBus(isUp: () => boolean): void;
  watchStore(ping: () => Promise<void>): void;
  /** `GET /metrics` of the internal server. */
  page(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

/** Seconds; from a read of memory to what a person gives up on. */
const requestBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const storeBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

/** Less than what a reading may take. */
const pingTimeoutMs = 1_500;

/** @param version of the platform; in `rciots_build_info` */
export function createMetrics({ version }: { version: string }): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 20 });
  // Gauges by the name of counters, which linters and people take them for.
  for (const kind of ["handles", "requests", "resources"])
    registry.removeSingleMetric(`nodejs_active_${kind}_total`);
  const readings = createReadings(registry);
  readings.gauge({
    name: "rciots_build_info",
    help: "1, with what runs here.",
    label: ["version", "node"],
    read: () => [[[version, process.versions.node], 1]],
  });
  const requests = new Histogram({
    name: "rciots_http_request_duration_seconds",
    help: "From a request's first line to its answer's last byte, by the route's pattern.",
    labelNames: ["method", "route", "status"],
    buckets: requestBuckets,
    registers: [registry],
  });
  const calls = new Histogram({
    name: "rciots_store_call_duration_seconds",
    help: "Calls of the database, by what they are about.",
    labelNames: ["repository", "outcome"],
    buckets: storeBuckets,
    registers: [registry],
  });
  return {
    observeRequest: ({ method, route, status, seconds }) =>
      requests.observe({ method, route, status: String(status) }, seconds),
    observeStore: ({ repository, outcome, seconds }) => calls.observe({ repository, outcome }, seconds),
    watchConnector: (read) => watchConnector(readings, read),
    watchEnroll: (read) => watchEnroll(readings, read),
    watchBus(isUp) {
      readings.gauge({
        name: "rciots_bus_up",
        help: "1 while this process is joined to the others.",
        read: () => Number(isUp()),
      });
    },
    watchStore(ping) {
      readings.gauge({
        name: "rciots_store_up",
        help: "1 while the database answers.",
        read: () =>
          withTimeout(ping(), pingTimeoutMs, () => new Error("too slow")).then(
            () => 1,
            () => 0,
          ),
      });
    },
    async page(_request, response) {
      const text = await registry.metrics();
      response.writeHead(200, { "content-type": registry.contentType, "cache-control": "no-store" });
      response.end(text);
    },
  };
}
