/** A refusal of the platform (RFC 9457), or of the network. */
export interface Problem {
  /** 0: no answer at all. */
  status: number;
  code: string;
  /** A sentence for people. */
  detail: string;
  /** What to quote to whoever runs the platform; null where there was no answer. */
  requestId: string | null;
  /** Of `invalid_input`: every field at fault. */
  errors: { field: string; message: string }[];
  /** Everything else the answer said, such as `faults` or `currentETag`. */
  details: Record<string, unknown>;
}

/** Thrown by `unwrap`; the only class here, so that it has a stack and can be told from faults of ours. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.name = "ProblemError";
    this.problem = problem;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const text = (value: unknown, fallback: string): string => (typeof value === "string" ? value : fallback);

function readErrors(value: unknown): Problem["errors"] {
  if (!Array.isArray(value)) return [];
  return value.filter(isRecord).map((entry) => ({
    field: text(entry["field"], ""),
    message: text(entry["message"], ""),
  }));
}

/** Reads a refusal's body, whatever it turns out to be. */
export function toProblem(status: number, body: unknown): Problem {
  const details = isRecord(body) ? body : {};
  return {
    status,
    code: text(details["code"], "unexpected_answer"),
    detail: text(details["detail"], `The platform answered with status ${status}.`),
    requestId: typeof details["requestId"] === "string" ? details["requestId"] : null,
    errors: readErrors(details["errors"]),
    details,
  };
}

/** What to show of anything that was thrown. */
export function problemOf(thrown: unknown): Problem {
  if (thrown instanceof ProblemError) return thrown.problem;
  // fetch rejects with a TypeError where there is no connection.
  if (thrown instanceof TypeError) {
    const detail = "The platform can't be reached. Check the connection; this page tries again by itself.";
    return { status: 0, code: "unreachable", detail, requestId: null, errors: [], details: {} };
  }
  const detail = thrown instanceof Error ? thrown.message : "Something went wrong in the console.";
  return { status: 0, code: "console_error", detail, requestId: null, errors: [], details: {} };
}

export const hasCode = (thrown: unknown, code: string): boolean => problemOf(thrown).code === code;
