/** How to prove who asks. Never in a URL, an argument, a log or an error. */
export type GitCredential =
  | { type: "basic"; username: string; password: string }
  /** A personal or deploy token, sent as the password of basic authentication; `username` defaults to `git`. */
  | { type: "token"; token: string; username?: string }
  /** Sent as `Authorization: Bearer`. */
  | { type: "bearer"; token: string }
  | { type: "ssh"; privateKey: string };

/** Which repository, and how to reach it. */
export interface GitRemote {
  /** `https://host/path`, `ssh://user@host:port/path` or `user@host:path`. */
  url: string;
  /** Keeps caches apart: the organisation's id. */
  scope: string;
  credential?: GitCredential | undefined;
  /** Host keys to accept, in known_hosts format; needed for SSH unless new keys are accepted by policy. */
  knownHosts?: string | undefined;
  /** PEM certificates of the authorities to accept instead of the system's. */
  caCertificates?: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface GitResolveRequest extends GitRemote {
  /** A branch, a tag, a full ref (`refs/heads/main`) or a commit id; default the remote's HEAD. */
  ref?: string | undefined;
}

export interface GitFetchRequest extends GitResolveRequest {
  /** The commit to read instead of what `ref` names now. */
  commit?: string | undefined;
  /** The folder whose kustomization will be built; default the top of the repository. */
  path?: string | undefined;
}

/** What a server-side operator allows beyond public HTTPS and SSH. */
export interface GitPolicy {
  /** Hosts at private, loopback, link-local and other non-public addresses. Default false. */
  allowPrivateAddresses: boolean;
  /** `file:///...` of this machine. Default false. */
  allowFileUrls: boolean;
  /** `http://` without TLS. Default false. */
  allowPlainHttp: boolean;
  /** SSH hosts without known keys: the first key seen is kept. Default false. */
  acceptNewHostKeys: boolean;
}

export const defaultGitPolicy: Readonly<GitPolicy> = Object.freeze({
  allowPrivateAddresses: false,
  allowFileUrls: false,
  allowPlainHttp: false,
  acceptNewHostKeys: false,
});
