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
  /** Largest script, and largest standard input, of a command. */
  commandScriptBytes: 65_536,
  commandInputBytes: 65_536,
  /** Arguments of a command, and the largest of them. */
  commandArguments: 128,
  commandArgumentBytes: 8_192,
  /** Variables a command is given, and the largest value. */
  commandVariables: 64,
  commandVariableBytes: 4_096,
  /** The longest a command may run. */
  commandTimeoutMs: 86_400_000,
  /** Output of a command that is kept: half of it from the beginning, half from the end. */
  commandOutputBytes: 1_048_576,
  /** Output in one `command:output`, and the largest piece of it. */
  commandMessageBytes: 65_536,
  commandPieceBytes: 32_768,
  /** Commands that run on a device at once. */
  commandsPerDevice: 8,
  /** Pods a page of `pods:list` carries. */
  podItems: 100,
  /** Tunnels that a device may ask for. */
  askedTunnels: 32,
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
