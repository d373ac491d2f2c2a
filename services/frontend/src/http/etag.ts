import { AppError, badRequest } from "@rciots/runtime";

export const etagOf = (version: number): string => `"${version}"`;

/** Reads `If-Match`: the version it asks for, or undefined where any will do (absent or `*`). */
export function parseIfMatch(header: string | undefined): number | undefined {
  if (header === undefined || header.trim() === "*") return undefined;
  const match = /^"(\d{1,15})"$/.exec(header.trim());
  if (match === null) {
    throw badRequest({
      code: "invalid_if_match",
      message: 'If-Match must be the ETag of an earlier answer, such as "3" with its quotes, or *.',
    });
  }
  return Number(match[1]);
}

export function versionConflict(current: number): AppError {
  return new AppError({
    code: "version_conflict",
    status: 412,
    message: "It was changed since you read it. Read it again, and repeat your change on what is there now.",
    details: { currentETag: etagOf(current) },
  });
}

/** Throws 412 where `If-Match` named another version. */
export function checkVersion(ifMatch: number | undefined, current: number): void {
  if (ifMatch !== undefined && ifMatch !== current) throw versionConflict(current);
}
