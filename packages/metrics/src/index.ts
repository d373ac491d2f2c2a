export { createMetrics, type Metrics } from "./metrics.ts";
export type { ConnectorNumbers } from "./connector-metrics.ts";
export type { EnrollNumbers } from "./enroll-metrics.ts";
