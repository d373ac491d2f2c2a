/** The parts of the unified test format the runner reads. */
export interface TestFile {
  readonly description: string;
  readonly schemaVersion: string;
  readonly runOnRequirements?: readonly Requirement[];
  readonly createEntities?: readonly Record<string, EntitySpec>[];
  readonly initialData?: readonly CollectionData[];
  readonly tests: readonly TestCase[];
}

export interface Requirement {
  readonly minServerVersion?: string;
  readonly maxServerVersion?: string;
  readonly topologies?: readonly string[];
  readonly serverless?: string;
  readonly auth?: boolean;
  readonly csfle?: unknown;
}

export interface EntitySpec {
  readonly id: string;
  readonly client?: string;
  readonly database?: string;
  readonly databaseName?: string;
  readonly collectionName?: string;
  readonly uriOptions?: Record<string, unknown>;
  readonly observeEvents?: readonly string[];
  readonly ignoreCommandMonitoringEvents?: readonly string[];
  readonly databaseOptions?: Record<string, unknown>;
  readonly collectionOptions?: Record<string, unknown>;
  readonly sessionOptions?: Record<string, unknown>;
}

export interface CollectionData {
  readonly databaseName: string;
  readonly collectionName: string;
  readonly documents: readonly Record<string, unknown>[];
}

export interface TestCase {
  readonly description: string;
  readonly skipReason?: string;
  readonly runOnRequirements?: readonly Requirement[];
  readonly operations: readonly Operation[];
  readonly expectEvents?: readonly ExpectedEvents[];
  readonly outcome?: readonly CollectionData[];
}

export interface Operation {
  readonly name: string;
  readonly object: string;
  readonly arguments?: Record<string, unknown>;
  readonly expectError?: ExpectedError;
  readonly expectResult?: unknown;
  readonly saveResultAsEntity?: string;
  readonly ignoreResultAndError?: boolean;
}

export interface ExpectedError {
  readonly isError?: boolean;
  readonly isClientError?: boolean;
  readonly errorContains?: string;
  readonly errorCode?: number;
  readonly errorCodeName?: string;
  readonly errorLabelsContain?: readonly string[];
  readonly errorLabelsOmit?: readonly string[];
  readonly errorResponse?: unknown;
  readonly expectResult?: unknown;
  readonly writeErrors?: Record<string, unknown>;
  readonly writeConcernErrors?: readonly unknown[];
}

export interface ExpectedEvents {
  readonly client: string;
  readonly eventType?: string;
  readonly ignoreExtraEvents?: boolean;
  readonly events: readonly Record<string, Record<string, unknown>>[];
}

function parts(version: string): number[] {
  return version.split(".").map(Number);
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [parts(a), parts(b)];
  for (let at = 0; at < 3; at++) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Whether a server of this version and kind is one the test is for. */
export function isMet(
  requirements: readonly Requirement[] | undefined,
  server: { version: string; topology: string },
): boolean {
  if (!requirements || requirements.length === 0) return true;
  return requirements.some(
    (one) =>
      (!one.minServerVersion || compareVersions(server.version, one.minServerVersion) >= 0) &&
      (!one.maxServerVersion || compareVersions(server.version, one.maxServerVersion) <= 0) &&
      (!one.topologies || one.topologies.includes(server.topology)) &&
      one.serverless !== "require" &&
      one.auth !== true &&
      !one.csfle,
  );
}
