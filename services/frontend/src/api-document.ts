import { describeApi } from "./http/openapi.ts";
import { liveChangesSchema } from "./live/live-changes.ts";
import { createServices } from "./services.ts";

/** Stands for a part that features are put together with; no handler of theirs is ever run. */
function anything(): never {
  return new Proxy(() => undefined, {
    get: (_target, key) => (typeof key === "symbol" ? undefined : anything()),
    apply: () => anything(),
  }) as never;
}

/** The OpenAPI document of this build, without a store or a platform: what the console's client is made from. */
export function describeOwnApi(): Record<string, unknown> {
  const { routes } = createServices({
    store: anything(),
    bus: anything(),
    logger: anything(),
    vault: anything(),
    secretVault: anything(),
    desiredState: anything(),
    deviceStreams: anything(),
    identify: anything(),
    site: undefined,
    connections: anything(),
    git: anything(),
    caFingerprint: () => "",
    installDir: "",
    chartVersion: "",
    agentVersion: "",
    publicUrls: { enroll: "https://enroll.invalid", edge: "wss://edge.invalid" },
    host: "",
    port: 0,
  });
  return describeApi(routes, { serverUrl: "/", version: "1", messages: [liveChangesSchema] });
}
