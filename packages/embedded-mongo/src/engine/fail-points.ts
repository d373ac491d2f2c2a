import { isDocument, isNumeric, numberOf, type Document, type Value } from "../bson/values.ts";
import { CommandError } from "../errors.ts";

/** What a fail point does to one command. */
export interface Failure {
  readonly closeConnection: boolean;
  readonly error: CommandError | undefined;
  readonly writeConcernError: Document | undefined;
}

export interface FailPoints {
  /** Answers `configureFailPoint`. Throws CommandNotFound unless test commands are allowed. */
  configure(command: Document): void;
  failureOf(command: string): Failure | undefined;
}

interface FailPoint {
  readonly commands: ReadonlySet<string>;
  readonly failure: Failure;
  remaining: number;
}

/** `failCommand`, as MongoDB offers it to tests of clients with `enableTestCommands`. */
export function createFailPoints(allowed: boolean): FailPoints {
  let active: FailPoint | undefined;
  return {
    configure: (command) => {
      if (!allowed) throw new CommandError("CommandNotFound", "no such command: 'configureFailPoint'");
      if (command.get("configureFailPoint") !== "failCommand") {
        throw new CommandError("BadValue", "only the fail point failCommand is known");
      }
      active = parseFailPoint(command);
    },
    failureOf: (command) => {
      if (!active || active.remaining <= 0 || !active.commands.has(command)) return undefined;
      active.remaining--;
      return active.failure;
    },
  };
}

function parseFailPoint(command: Document): FailPoint | undefined {
  const mode = command.get("mode");
  if (mode === "off") return undefined;
  const times = isDocument(mode) ? mode.get("times") : undefined;
  const data = command.get("data");
  if (!isDocument(data)) throw new CommandError("BadValue", "failCommand needs data");
  const names = data.get("failCommands");
  return {
    commands: new Set(Array.isArray(names) ? names.map(String) : []),
    remaining: times !== undefined && isNumeric(times) ? numberOf(times) : Infinity,
    failure: {
      closeConnection: data.get("closeConnection") === true,
      error: errorOf(data),
      writeConcernError: documentOrNothing(data.get("writeConcernError")),
    },
  };
}

function errorOf(data: Document): CommandError | undefined {
  const code = data.get("errorCode");
  if (code === undefined || !isNumeric(code)) return undefined;
  const labels = data.get("errorLabels");
  const fields = data.get("errmsg");
  return new CommandError(
    numberOf(code),
    typeof fields === "string" ? fields : "Failing command via 'failCommand' failpoint",
    {
      labels: Array.isArray(labels) ? labels.map(String) : [],
    },
  );
}

function documentOrNothing(value: Value | undefined): Document | undefined {
  return isDocument(value) ? value : undefined;
}
