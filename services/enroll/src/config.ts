import {
  drainSettings,
  edgeUrlOf,
  endpointSettings,
  givenKeySettings,
  healthSettings,
  joinedSettings,
  tlsFileSettings,
  tlsFilesOf,
} from "@rciots/process";
import { config, loadSettings, type Environment } from "@rciots/runtime";
import type { EnrollOptions } from "./enroll.ts";

const dayMs = 86_400_000;

/** What is enrolment's alone. */
export const enrollSettings = {
  certificateLifetimeMs: config.required(
    config.duration({
      env: "RCIOTS_CERTIFICATE_LIFETIME",
      about: "Lifetime of device certificates",
      fallback: 90 * dayMs,
      fallbackText: "90d",
      minMs: 60_000,
      maxMs: 825 * dayMs,
    }),
  ),
  allowServerKeys: config.required(
    config.flag({
      env: "RCIOTS_ALLOW_SERVER_KEYS",
      about: "Let devices that can't make a key ask the platform for one",
      fallback: false,
    }),
  ),
} as const;

/** Of a process that only enrols. */
export const settings = {
  mongodbUri: joinedSettings.mongodbUri,
  redisUrl: joinedSettings.redisUrl,
  caKey: givenKeySettings.caKey,
  ...endpointSettings,
  ...tlsFileSettings,
  ...enrollSettings,
  ...healthSettings,
  ...drainSettings,
  eventRetentionMs: joinedSettings.eventRetentionMs,
  connectionRetentionMs: joinedSettings.connectionRetentionMs,
  logLevel: joinedSettings.logLevel,
} as const;

/** @throws ConfigError with all faults */
export const loadConfig = (env: Environment, args: readonly string[] = []) =>
  loadSettings(settings, { env, args });
export type EnrollConfig = ReturnType<typeof loadConfig>;

/** The part of the options that configuration decides. */
export function enrollOptionsOf(
  given: Pick<
    EnrollConfig,
    keyof typeof enrollSettings | keyof typeof endpointSettings | keyof typeof tlsFileSettings
  >,
): Pick<
  EnrollOptions,
  "port" | "edgeUrl" | "serverNames" | "certificateLifetimeMs" | "allowServerKeys" | "ownTls"
> {
  const serverNames = [given.publicHost, ...given.serverNames];
  const ownTls = tlsFilesOf(given);
  return {
    port: given.enrollPort,
    edgeUrl: edgeUrlOf(given),
    serverNames: { enroll: serverNames, edge: serverNames },
    certificateLifetimeMs: given.certificateLifetimeMs,
    allowServerKeys: given.allowServerKeys,
    ...(ownTls === undefined ? {} : { ownTls }),
  };
}
