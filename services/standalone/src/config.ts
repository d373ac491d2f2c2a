import { connectorSettings } from "@rciots/connector";
import { enrollSettings } from "@rciots/enroll";
import { frontendSettings, requireMailSettings } from "@rciots/frontend";
import {
  drainSettings,
  endpointSettings,
  healthSettings,
  keySettings,
  rebalanceSettings,
  relaySettings,
  sharedSettings,
  tlsFileSettings,
  tunnelPortSettings,
} from "@rciots/process";
import { config, loadSettings, type Environment } from "@rciots/runtime";

/** Everything an operator may set, in the order of `--help`. */
export const settings = {
  dataDir: config.required(
    config.text({
      env: "RCIOTS_DATA_DIR",
      about: "Folder of the embedded store, the keys and the caches",
      fallback: "./data",
    }),
  ),
  ...frontendSettings,
  ...endpointSettings,
  ...tunnelPortSettings,
  ...connectorSettings,
  ...enrollSettings,
  ...tlsFileSettings,
  ...keySettings,
  ...sharedSettings,
  ...relaySettings,
  ...rebalanceSettings,
  healthHost: config.required(
    config.text({
      env: "RCIOTS_HEALTH_HOST",
      about: healthSettings.healthHost.about,
      fallback: "127.0.0.1",
    }),
  ),
  healthPort: config.port({
    env: "RCIOTS_HEALTH_PORT",
    about: healthSettings.healthPort.about,
    fallbackText: "off",
  }),
  ...drainSettings,
} as const;

/** @throws ConfigError with all faults */
export function loadConfig(env: Environment, args: readonly string[] = []) {
  const loaded = loadSettings(settings, { env, args });
  requireMailSettings(loaded);
  return loaded;
}
export type StandaloneConfig = ReturnType<typeof loadConfig>;
