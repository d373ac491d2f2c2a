import { AppError } from "@rciots/runtime";
import { quoted } from "../manifest-fault.ts";
import type { GitPolicy } from "./git-request.ts";

export type GitTransport = "https" | "http" | "ssh" | "file";

export interface GitUrl {
  transport: GitTransport;
  /** What git is given; holds no credential. */
  url: string;
  /** Without brackets; `` for a file. */
  host: string;
  port: number;
  /** Of SSH. */
  user: string | null;
}

const defaultPorts: Record<GitTransport, number> = { https: 443, http: 80, ssh: 22, file: 0 };
const maxUrlLength = 2048;

export function refuseUrl(code: string, reason: string, status = 400): AppError {
  return new AppError({ code, status, message: `The repository URL ${reason}.` });
}

/**
 * Reads a repository URL and refuses what could make git do anything but fetch over an allowed
 * transport. Throws AppError: `git_url_invalid`, `git_url_credentials`, `git_transport_not_allowed`.
 */
export function parseGitUrl(text: string, policy: GitPolicy): GitUrl {
  if (text === "" || text.length > maxUrlLength) throw refuseUrl("git_url_invalid", "is empty or too long");
  if (/[\s\u0000-\u001f\u007f\\]/.test(text))
    throw refuseUrl("git_url_invalid", "holds a space, a backslash or a control character");
  if (text.startsWith("-")) throw refuseUrl("git_url_invalid", "begins with a hyphen");
  if (/^[a-z0-9+.-]*::/i.test(text))
    throw refuseUrl("git_transport_not_allowed", "names a remote helper (::), which is not allowed", 403);
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  const parsed = scheme === undefined ? parseScpLike(text) : parseWithScheme(text, scheme);
  checkTransport(parsed.transport, policy);
  return parsed;
}

function checkTransport(transport: GitTransport, policy: GitPolicy): void {
  const refusal = (what: string): AppError =>
    refuseUrl("git_transport_not_allowed", `${what}, which this platform does not allow`, 403);
  if (transport === "file" && !policy.allowFileUrls) throw refusal("is a file of the platform's own machine");
  if (transport === "http" && !policy.allowPlainHttp) throw refusal("uses HTTP without TLS");
}

/** `user@host:path`; anything else without a scheme would be a local path to git. */
function parseScpLike(text: string): GitUrl {
  const match = /^([^@:/]+)@(\[[0-9a-f:.]+\]|[^@:/[\]]+):([^:].*)$/i.exec(text);
  if (match === null)
    throw refuseUrl("git_url_invalid", "must be https://host/path, ssh://user@host/path or user@host:path");
  const [, user = "", host = "", path = ""] = match;
  // Written out, so that nothing in the path can be read as a port or an option.
  return sshUrl(
    user,
    host,
    defaultPorts.ssh,
    path.startsWith("/") || path.startsWith("~") ? path : `./${path}`,
    text,
  );
}

function parseWithScheme(text: string, scheme: string): GitUrl {
  const transport = transportOf(scheme);
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw refuseUrl("git_url_invalid", "cannot be read");
  }
  if (url.search !== "" || url.hash !== "")
    throw refuseUrl("git_url_invalid", "must not have a query or a fragment");
  if (transport === "file") return fileUrl(url);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port === "" ? defaultPorts[transport] : Number(url.port);
  if (url.password !== "" || (transport !== "ssh" && url.username !== "")) {
    throw refuseUrl(
      "git_url_credentials",
      "must not hold a user name or password; give them as the credential",
    );
  }
  checkHost(host);
  if (transport === "ssh") {
    const user = decodeURIComponent(url.username);
    if (user !== "") checkUser(user);
    return { transport, url: url.href, host, port, user: user === "" ? null : user };
  }
  return { transport, url: url.href, host, port, user: null };
}

function transportOf(scheme: string): GitTransport {
  if (scheme === "https" || scheme === "http" || scheme === "file") return scheme;
  if (scheme === "ssh" || scheme === "git+ssh" || scheme === "ssh+git") return "ssh";
  throw refuseUrl(
    "git_transport_not_allowed",
    `uses ${quoted(`${scheme}://`, 40)}; only https:// and ssh:// are allowed`,
    403,
  );
}

function fileUrl(url: URL): GitUrl {
  if (url.hostname !== "") throw refuseUrl("git_url_invalid", "must be file:///path, without a host");
  return { transport: "file", url: url.href, host: "", port: 0, user: null };
}

function sshUrl(user: string, host: string, port: number, path: string, text: string): GitUrl {
  const bare = host.replace(/^\[|\]$/g, "");
  checkUser(user);
  checkHost(bare);
  // A relative path cannot be said in ssh://, so the form that was given is kept; its parts are checked.
  const url = path.startsWith("/") ? `ssh://${user}@${host}${path}` : text;
  return { transport: "ssh", url, host: bare, port, user };
}

function checkHost(host: string): void {
  if (host === "" || host.startsWith("-") || !/^[A-Za-z0-9._:-]+$/.test(host))
    throw refuseUrl("git_url_invalid", "has no valid host");
}

function checkUser(user: string): void {
  if (user.startsWith("-") || !/^[A-Za-z0-9._-]+$/.test(user))
    throw refuseUrl("git_url_invalid", "has no valid user name");
}
