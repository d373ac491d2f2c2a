import { AppError } from "@rciots/runtime";
import { quoted } from "../manifest-fault.ts";
import type { GitCommand } from "./git-tree.ts";

/** What to fetch and what it is now. */
export interface ResolvedRef {
  commit: string;
  /** The full ref, or null when the operator gave a commit id. */
  ref: string | null;
}

const maxRefLength = 255;

export function isCommitId(text: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/i.test(text);
}

/** Refuses what git does not take as a ref, and everything that could be an option or a pattern. */
export function checkRef(ref: string): void {
  const isGood =
    ref.length <= maxRefLength &&
    /^[^\s~^:?*[\\\u0000-\u001f\u007f-]/.test(ref) &&
    !/[\s~^:?*[\\\u0000-\u001f\u007f]|\.\.|@\{|\/\/|\/\.|\.lock(?:\/|$)/.test(ref) &&
    !/^[./]|[./]$/.test(ref) &&
    ref !== "@";
  if (isGood) return;
  throw new AppError({
    code: "git_ref_invalid",
    status: 400,
    message: `${quoted(ref)} is not a branch, tag or commit id.`,
  });
}

/**
 * Asks the remote what a ref is now; the answer also shows that the repository is there and may be
 * read. A name that is both a branch and a tag is refused.
 */
export async function resolveRef(git: GitCommand, url: string, ref: string): Promise<ResolvedRef> {
  if (isCommitId(ref)) {
    await git(["ls-remote", "--", url, "HEAD"], { maxOutputBytes: 64 * 1024 });
    return { commit: ref.toLowerCase(), ref: null };
  }
  const candidates =
    ref === "" || ref === "HEAD"
      ? ["HEAD"]
      : ref.startsWith("refs/")
        ? [ref]
        : [`refs/heads/${ref}`, `refs/tags/${ref}`];
  const patterns = candidates.flatMap((name) => [name, `${name}^{}`]);
  const output = await git(["ls-remote", "--", url, ...patterns], { maxOutputBytes: 1024 * 1024 });
  const remote = readListing(output.toString());
  const found = candidates.filter((name) => remote.has(name));
  const [name] = found;
  if (name === undefined) throw refNotFound(ref);
  if (found.length > 1) {
    const message = `${quoted(ref)} is both a branch and a tag; write refs/heads/${ref} or refs/tags/${ref}.`;
    throw new AppError({ code: "git_ref_ambiguous", status: 422, message });
  }
  // `^{}` is the commit an annotated tag points at.
  return { commit: remote.get(`${name}^{}`) ?? remote.get(name) ?? "", ref: name };
}

/** ls-remote matches the ends of names; the map is asked for whole ones. */
function readListing(output: string): Map<string, string> {
  const remote = new Map<string, string>();
  for (const line of output.split("\n")) {
    const match = /^([0-9a-f]{40,64})\t(.+)$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) remote.set(match[2], match[1]);
  }
  return remote;
}

export function refNotFound(ref: string): AppError {
  const name =
    ref === "" || ref === "HEAD"
      ? "The repository has no commits yet."
      : `The repository has no branch, tag or commit ${quoted(ref)}.`;
  return new AppError({ code: "git_ref_not_found", status: 422, message: name });
}
