export {
  AppError,
  badRequest,
  conflict,
  errorMessage,
  forbidden,
  isAppError,
  notFound,
  toPublicError,
  unauthorized,
  type PublicError,
} from "./app-error.ts";
export { createBackoff, type Backoff, type BackoffOptions } from "./backoff.ts";
export { createBatcher } from "./batcher.ts";
export { createMemoryBus, publishEvents, type Bus, type BusEvents, type BusTopic } from "./bus.ts";
export type { BusCall, BusCallHandler, BusCallOptions, BusCalls, CallBus } from "./bus-calls.ts";
export * as config from "./config.ts";
export {
  ConfigError,
  describeSettings,
  loadSettings,
  redactSettings,
  type Environment,
  type Setting,
} from "./config.ts";
export { isId, newId } from "./ids.ts";
export { createKeyedLimit, type KeyedLimit } from "./keyed-limit.ts";
export { createKeyedSemaphore, type KeyedSemaphore } from "./keyed-semaphore.ts";
export { createLogger, logLevels, silentLogger, type Logger, type LogLevel } from "./logger.ts";
export type { RequestMeasure, StoreMeasure } from "./measures.ts";
export { createLoop, type Loop, type LoopOptions } from "./loop.ts";
export { inBrackets, joinHostPort } from "./net/host-port.ts";
export { dialThroughProxy, dialTls, type DialOptions } from "./net/dial.ts";
export {
  describeProxy,
  isProxyBypassed,
  parseProxy,
  proxyFromEnvironment,
  type Proxy,
  type ProxyChoice,
} from "./net/proxy.ts";
export { createSemaphore } from "./semaphore.ts";
export { createNetworkMatcher, parseNetwork, plainAddress, type Network } from "./networks.ts";
export { nextStopSignal, stopInOrder, type Stoppable } from "./shutdown.ts";
export { sleep, withTimeout } from "./sleep.ts";
export { hashToken, isSameHash, newToken } from "./token.ts";
export {
  answerProblems,
  problemOf,
  answerUnknownRoute,
  assignRequestId,
  logRequests,
  requestId,
} from "./http/problem.ts";
export {
  createInternalServer,
  healthReport,
  type HealthReport,
  type InternalServer,
} from "./http/internal-server.ts";
export { bodyFraming, passOn, passOnUpgrade, pickHeaders } from "./http/pass-on.ts";
export { createHttpServer, type HttpServer } from "./http/server.ts";
export { measureRequests } from "./http/measure-requests.ts";
export { fieldFaults, invalidInput, validate, type FieldFault } from "./http/validate.ts";
export type { CertificateRenewer, TlsMaterial, TlsSource } from "./ports.ts";
export { createFileTls, type FileTls, type TlsFiles } from "./tls/file-tls.ts";
export { createTlsHolder, type TlsHolder } from "./tls/tls-holder.ts";
export {
  createSealer,
  createVault,
  decrypt,
  encrypt,
  parseMasterKey,
  parseMasterKeys,
  type DataKey,
  type MasterKey,
  type Sealer,
  type Vault,
} from "./vault.ts";
export {
  certificateFingerprint,
  formatFingerprint,
  isPinned,
  parseFingerprint,
} from "./certificate-fingerprint.ts";
export {
  createDeviceVerifier,
  verifyDeviceChain,
  type DeviceCertificateErrorCode,
  type DeviceIdentity,
  type DeviceVerifier,
  type DeviceVerifierOptions,
  type VerifyDeviceOptions,
} from "./device-certificate.ts";
export {
  consume,
  createCounterNames,
  createMemoryTryLimit,
  createMemoryTryLimits,
  limiterOptionsOf,
  waitOf,
  type TryLimit,
  type TryLimitOptions,
  type TryLimits,
} from "./try-limits.ts";
export { createYoungGarbage, type YoungGarbage } from "./young-garbage.ts";
