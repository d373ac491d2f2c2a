import { faultsOf } from "@rciots/manifests";
import { AppError, isAppError } from "@rciots/runtime";

/** These speak of the caller's own standing with this API, not of a repository's with the platform. */
const aboutTheCaller = [401, 403, 404];

/**
 * What is wrong with files or a repository is 422: the request itself is fine. Other errors stay as they are.
 */
export function asContentError(error: unknown): unknown {
  if (!isAppError(error)) return error;
  const isOfGit = error.code.startsWith("git_") && aboutTheCaller.includes(error.status);
  const isOfFiles = error.status === 400 && faultsOf(error).length > 0;
  if (!isOfGit && !isOfFiles) return error;
  const { code, message, details } = error;
  return new AppError({
    code,
    status: 422,
    message,
    ...(details === undefined ? {} : { details }),
    cause: error,
  });
}

/** Runs work on content; what is wrong with the content comes out as 422. */
export async function withContentErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asContentError(error);
  }
}
