export { loadConfig, settings, type StandaloneConfig } from "./config.ts";
export { startStandalone, type Standalone } from "./standalone.ts";
