import { AppError } from "@rciots/runtime";
import { quoted } from "../manifest-fault.ts";

interface Rule {
  pattern: RegExp;
  code: string;
  status: number;
  message: string;
}

/** In order: the first that matches what git and ssh printed. */
const rules: readonly Rule[] = [
  {
    pattern:
      /host key verification failed|remote host identification has changed|no \S+ host key is known|host key for .* has changed/i,
    code: "git_host_key_mismatch",
    status: 422,
    message: "The SSH server's host key is not among the known ones.",
  },
  {
    pattern: /from redirection|returned error: 30\d/i,
    code: "git_redirected",
    status: 422,
    message: "The server answered with a redirect; give the repository's final URL.",
  },
  {
    pattern: /file too large|file size limit|signal 25|pack exceeds maximum/i,
    code: "git_too_large",
    status: 413,
    message: "The repository is larger than the platform allows.",
  },
  {
    pattern: /load key .*(?:error|invalid)|error in libcrypto|invalid format/i,
    code: "git_auth_failed",
    status: 422,
    message: "The SSH private key cannot be read; it must be unencrypted, in OpenSSH or PEM format.",
  },
  {
    pattern:
      /could not read (?:username|password)|authentication failed|access denied|returned error: 40[13]|permission denied|too many authentication failures|invalid credentials/i,
    code: "git_auth_failed",
    status: 422,
    message: "The server did not accept the credential, or the repository needs one.",
  },
  {
    pattern:
      /repository .*not found|returned error: 404|does not appear to be a git repository|no such repository|repository does not exist|project .*not found|not found: did you run/i,
    code: "git_repository_not_found",
    status: 422,
    message: "There is no such repository, or the credential may not see it.",
  },
  {
    pattern:
      /couldn't find remote ref|not our ref|unadvertised object|no such remote ref|remote error: upload-pack: not our ref/i,
    code: "git_ref_not_found",
    status: 422,
    message: "The repository has no such branch, tag or commit.",
  },
  {
    pattern:
      /ssl certificate problem|certificate verif|server certificate|self[- ]signed certificate|unable to get local issuer|ssl connect error|gnutls_handshake|tls connect error|ssl routines/i,
    code: "git_tls_failed",
    status: 502,
    message: "The server's TLS certificate could not be verified.",
  },
  {
    pattern:
      /could not resolve host|couldn't connect|failed to connect|connection (?:refused|reset|closed|timed out)|operation timed out|operation too slow|network is unreachable|no route to host|early eof|hung up unexpectedly|empty reply|could not read from remote|returned error: 5\d\d/i,
    code: "git_unreachable",
    status: 502,
    message: "The server could not be reached, or broke the connection off.",
  },
  {
    pattern: /fsck error|bad object|index-pack (?:failed|died)|invalid index-pack|corrupt|error in object/i,
    code: "git_content_refused",
    status: 422,
    message: "Git refused the repository's content as damaged or unsafe.",
  },
];

/** Turns what git printed into an error; `redact` takes the credential out of what is logged as the cause. */
export function gitError(output: string, redact: (text: string) => string): AppError {
  const cause = new Error(quoted(redact(output), 2000));
  const rule = rules.find(({ pattern }) => pattern.test(output));
  if (rule !== undefined)
    return new AppError({ code: rule.code, status: rule.status, message: rule.message, cause });
  return new AppError({
    code: "git_failed",
    status: 502,
    message: "Git could not read the repository.",
    cause,
  });
}

/** Replaces every secret by a mark; short ones are left, since they would match anything. */
export function createRedactor(secrets: readonly string[]): (text: string) => string {
  const long = secrets.filter((secret) => secret.length >= 4);
  return (text) => long.reduce((result, secret) => result.replaceAll(secret, "[redacted]"), text);
}
