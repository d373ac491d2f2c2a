import type { z } from "zod";
import { badRequest, type AppError } from "../app-error.ts";

export interface FieldFault {
  /** Path of the field, such as `labels.site` or `files[2].path`. */
  field: string;
  message: string;
}

function fieldPath(path: PropertyKey[]): string {
  return path.reduce<string>((shown, key) => {
    if (typeof key === "number") return `${shown}[${key}]`;
    return shown === "" ? String(key) : `${shown}.${String(key)}`;
  }, "");
}

/** All faults of an input, at most twenty, each with its field. */
export function fieldFaults(error: z.ZodError): FieldFault[] {
  return error.issues.slice(0, 20).map((issue) => {
    const unknownKeys =
      issue.code === "unrecognized_keys"
        ? `unknown field ${issue.keys.map((key) => JSON.stringify(key)).join(", ")}`
        : issue.message;
    return { field: fieldPath(issue.path), message: unknownKeys };
  });
}

export function invalidInput(error: z.ZodError, where: string): AppError {
  const faults = fieldFaults(error);
  const first = faults[0];
  const shown =
    first === undefined ? "" : `: ${first.field === "" ? "" : `${first.field}: `}${first.message}`;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : "";
  return badRequest({
    code: "invalid_input",
    message: `The ${where} is not valid${shown}${more}.`,
    details: { errors: faults },
  });
}

/** Parses `value` or throws a 400 that names every field at fault. `where` is `body`, `query` or `path`. */
export function validate<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  where = "body",
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (!result.success) throw invalidInput(result.error, where);
  return result.data;
}
