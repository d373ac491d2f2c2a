export { connectorSettings } from "./config.ts";
export {
  createConnector,
  type Connector,
  type ConnectorHealth,
  type ConnectorOptions,
  type ConnectorStats,
} from "./connector.ts";
export type { DesiredStatePort } from "./desired.service.ts";
export { defaultSettings, type ConnectorSettings } from "./settings.ts";
