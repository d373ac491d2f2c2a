/** MongoDB's error codes used by this package, by their names in MongoDB's own catalogue. */
export const errorCodes = {
  InternalError: 1,
  BadValue: 2,
  NoSuchKey: 4,
  FailedToParse: 9,
  UserNotFound: 11,
  Unauthorized: 13,
  TypeMismatch: 14,
  Overflow: 15,
  InvalidLength: 16,
  ProtocolError: 17,
  IllegalOperation: 20,
  NamespaceNotFound: 26,
  IndexNotFound: 27,
  PathNotViable: 28,
  RoleNotFound: 31,
  ConflictingUpdateOperators: 40,
  CursorNotFound: 43,
  NamespaceExists: 48,
  MaxTimeMSExpired: 50,
  DollarPrefixedFieldName: 52,
  InvalidIdField: 53,
  NotSingleValueField: 54,
  EmptyFieldName: 56,
  DottedFieldName: 57,
  CommandNotFound: 59,
  ImmutableField: 66,
  CannotCreateIndex: 67,
  InvalidOptions: 72,
  InvalidNamespace: 73,
  IndexOptionsConflict: 85,
  IndexKeySpecsConflict: 86,
  ConversionFailure: 241,
  NetworkTimeout: 89,
  ShutdownInProgress: 91,
  UnsatisfiableWriteConcern: 100,
  WriteConflict: 112,
  CommandNotSupported: 115,
  ExceededMemoryLimit: 146,
  InvalidPipelineOperator: 168,
  TransactionTooOld: 225,
  CommandNotSupportedOnView: 166,
  IncompleteTransactionHistory: 217,
  NotImplemented: 238,
  NoSuchTransaction: 251,
  TransactionCommitted: 256,
  TransactionTooLarge: 257,
  OperationNotSupportedInTransaction: 263,
  QueryExceededMemoryLimitNoDiskUseAllowed: 292,
  IndexInformationNotFound: 312,
  InterruptedDueToStorageChange: 355,
  UnknownField: 40415,
  DuplicateKey: 11000,
  BSONObjectTooLarge: 10334,
} as const;

export type ErrorName = keyof typeof errorCodes;

/** An answer of the server that says no: becomes `{ok: 0, errmsg, code, codeName}` or an entry of `writeErrors`. */
export class CommandError extends Error {
  readonly code: number;
  readonly codeName: string;
  readonly labels: readonly string[];
  /** Further fields of the answer, such as `keyPattern` and `keyValue` of a duplicate key. */
  readonly fields: ReadonlyMap<string, unknown>;

  constructor(
    code: ErrorName | number,
    message: string,
    more: { labels?: readonly string[]; fields?: ReadonlyMap<string, unknown> } = {},
  ) {
    super(message);
    this.name = "CommandError";
    this.code = typeof code === "number" ? code : errorCodes[code];
    this.codeName = typeof code === "number" ? `Location${code}` : code;
    this.labels = more.labels ?? [];
    this.fields = more.fields ?? new Map();
  }
}

/** A feature of MongoDB this store does not have. The sentence names it, so that nobody has to guess. */
export function notSupported(feature: string): CommandError {
  return new CommandError("NotImplemented", `${feature} is not supported by the embedded store`);
}

/** A failure of starting or steering the store, as opposed to an answer to a client's command. */
export class EmbeddedMongoError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "EmbeddedMongoError";
    this.code = code;
  }
}
