export { enrollOptionsOf, enrollSettings } from "./config.ts";
export { createEnroll, type Enroll, type EnrollOptions } from "./enroll.ts";
export type { CaVault } from "./authority/platform-key.ts";
export type { Health } from "./health.ts";
export type { TrustProxy } from "./http/app.ts";
export { defaultRateLimits, type RateLimitOptions } from "./rate-limits.ts";
