import {
  drainSettings,
  endpointSettings,
  givenKeySettings,
  healthSettings,
  joinedSettings,
  rebalanceSettings,
  relaySettings,
  tlsFileSettings,
  tunnelPortSettings,
} from "@rciots/process";
import { config, loadSettings, type Environment } from "@rciots/runtime";

/** What is the connector's alone. */
export const connectorSettings = {
  tunnelHost: config.required(
    config.text({
      env: "RCIOTS_TUNNEL_HOST",
      about: "Address that tunnels listen on",
      fallback: "127.0.0.1",
    }),
  ),
} as const;

/** Of a process that only holds sessions. */
export const settings = {
  mongodbUri: joinedSettings.mongodbUri,
  redisUrl: joinedSettings.redisUrl,
  masterKey: givenKeySettings.masterKey,
  deviceHost: endpointSettings.deviceHost,
  edgePort: endpointSettings.edgePort,
  publicHost: endpointSettings.publicHost,
  serverNames: endpointSettings.serverNames,
  ...tlsFileSettings,
  ...tunnelPortSettings,
  ...connectorSettings,
  ...relaySettings,
  ...rebalanceSettings,
  ...healthSettings,
  ...drainSettings,
  eventRetentionMs: joinedSettings.eventRetentionMs,
  connectionRetentionMs: joinedSettings.connectionRetentionMs,
  logLevel: joinedSettings.logLevel,
} as const;

/** @throws ConfigError with all faults */
export const loadConfig = (env: Environment, args: readonly string[] = []) =>
  loadSettings(settings, { env, args });
export type ConnectorConfig = ReturnType<typeof loadConfig>;
