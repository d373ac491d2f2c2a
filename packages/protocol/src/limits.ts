/** Bounds of the contract. Both ends enforce them; a change here is a change of the protocol. */
export const limits = {
  /** Largest text or binary frame. */
  messageBytes: 1_048_576,
  /** Largest answer to `bundle:read`. */
  chunkBytes: 262_144,
  /** Largest bundle, encoded (gzip). */
  bundleBytes: 16 * 1_048_576,
  /** Largest bundle, decoded. */
  bundleDecodedBytes: 32 * 1_048_576,
  /** Kubernetes objects in a bundle. */
  bundleObjects: 5_000,
  /** Objects carried by `status:report` itself; more go ahead of it as pages of `objects:report`. */
  reportObjects: 100,
  /** Objects a page of `objects:report` carries. */
  pageObjects: 250,
  /** Objects a page of `manifests:diff` carries. */
  diffObjects: 200,
  /** Largest page of `manifests:diff`, and the largest object in it, before or after, as JSON. */
  diffPageBytes: 524_288,
  diffSideBytes: 131_072,
  /** Characters of a message for people. */
  messageChars: 2_048,
  deviceNameChars: 63,
  labels: 64,
  labelKeyChars: 63,
  labelValueChars: 63,
  csrBytes: 16_384,
  /** The connector pings this often ... */
  pingIntervalMs: 10_000,
  /** ... and gives a peer this long, so that either end notices a dead path in under 30 s. */
  pingTimeoutMs: 12_000,
  /** How long either end waits for an acknowledgement. */
  ackTimeoutMs: 20_000,
} as const;

/** Versions this code speaks, newest first; the connector chooses the highest that both ends list. */
export const protocolVersions: readonly number[] = [1];

/** Path of the channel below the edge URL, for the `path` option of both socket.io ends. */
export const channelPath = "/channel";
