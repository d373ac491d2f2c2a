export { createRelayedStreams, type RelayedStreams } from "./device-streams.ts";
export { createPeerIdentity, type PeerIdentity } from "./peer-identity.ts";
export { createRelayServer, type RelayServer } from "./relay-server.ts";
export { createRelay, type Relay, type RelayOptions } from "./relay.ts";
export { type RelaySettings } from "./settings.ts";
