import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, inBrackets } from "@rciots/runtime";
import type { GitCredential, GitPolicy, GitRemote } from "./git-request.ts";
import type { GitUrl } from "./git-url.ts";

/** The files and the environment of one operation; everything secret is in `folder`, which is removed afterwards. */
export interface GitSession {
  folder: string;
  env: Record<string, string>;
  /** Where the wrapper writes the process id of the git that runs. */
  pidFile: string;
  /** Everything that must not be shown. */
  secrets: string[];
  /** Left out when git's words are read: a URL may hold any of them. */
  url: string;
  remove: () => Promise<void>;
}

export interface GitSessionOptions {
  workDir: string;
  binDir: string;
  pathEnv: string;
  url: GitUrl;
  /** Empty for a file. */
  addresses: readonly string[];
  remote: GitRemote;
  policy: GitPolicy;
  repository: string;
  /** Where accepted host keys are kept when the policy takes new ones. */
  learnedHostsFile: string;
  timeoutMs: number;
}

/** Prepares one operation. Throws AppError for a credential that does not fit the URL. */
export async function openGitSession(options: GitSessionOptions): Promise<GitSession> {
  checkCredential(options);
  const folder = await mkdtemp(join(options.workDir, "op-"));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    await mkdir(join(folder, "home"), { mode: 0o700 });
    await writePrivate(join(folder, "gitconfig"), gitConfig(options, folder));
    if (options.remote.caCertificates !== undefined)
      await writePrivate(join(folder, "ca.pem"), options.remote.caCertificates);
    if (options.url.transport === "ssh") await writeSshFiles(options, folder);
    const pidFile = join(folder, "pid");
    return {
      folder,
      env: environment(options, folder, pidFile),
      pidFile,
      secrets: secretsOf(options.remote.credential),
      url: options.url.url,
      remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

function checkCredential({ url, remote, policy }: GitSessionOptions): void {
  const refuse = (message: string): AppError =>
    new AppError({ code: "git_credential_invalid", status: 400, message });
  const { credential, knownHosts } = remote;
  if (credential !== undefined && (url.transport === "ssh") !== (credential.type === "ssh")) {
    throw refuse(
      url.transport === "ssh" ? "An SSH URL needs an SSH key." : "An SSH key cannot be used with this URL.",
    );
  }
  if (credential !== undefined && url.transport === "file") throw refuse("A file URL takes no credential.");
  if (credential?.type === "bearer" && !/^[\x21-\x7e]+$/.test(credential.token))
    throw refuse("A bearer token must be visible ASCII characters.");
  if (credential?.type === "basic" && credential.username.includes(":"))
    throw refuse("A user name must not hold a colon.");
  if (url.transport === "ssh" && credential === undefined) throw refuse("An SSH URL needs an SSH key.");
  if (url.transport === "ssh" && knownHosts === undefined && !policy.acceptNewHostKeys) {
    const message = "An SSH URL needs the server's host keys (known_hosts lines).";
    throw new AppError({ code: "git_host_key_required", status: 400, message });
  }
}

function environment(
  { binDir, pathEnv, url, repository }: GitSessionOptions,
  folder: string,
  pidFile: string,
): Record<string, string> {
  return {
    PATH: pathEnv,
    HOME: join(folder, "home"),
    LANG: "C",
    LC_ALL: "C",
    GIT_DIR: repository,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: join(folder, "gitconfig"),
    GIT_ATTR_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ALLOW_PROTOCOL: url.transport,
    GIT_PROTOCOL_FROM_USER: "0",
    GIT_LFS_SKIP_SMUDGE: "1",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_SSH: join(binDir, "ssh"),
    GIT_SSH_VARIANT: "ssh",
    RCIOTS_SSH_CONFIG: join(folder, "ssh_config"),
    RCIOTS_PID_FILE: pidFile,
  };
}

/** All of git's configuration; none of the machine's or the repository's own counts beside it but the format. */
function gitConfig({ url, addresses, remote, policy }: GitSessionOptions, folder: string): string {
  const lines = [
    "[core]",
    "hooksPath = /dev/null",
    "askPass = ",
    "fsmonitor = false",
    "bigFileThreshold = 1m",
    "deltaBaseCacheLimit = 32m",
    "[gc]",
    "auto = 0",
    "[maintenance]",
    "auto = false",
    "[pack]",
    "threads = 1",
    "windowMemory = 64m",
    "[fetch]",
    "unpackLimit = 1",
    "recurseSubmodules = false",
    "writeCommitGraph = false",
    "[submodule]",
    "recurse = false",
    "[transfer]",
    "fsckObjects = true",
    "credentialsInUrl = die",
    // Old, harmless slips that real repositories carry in their history.
    '[fetch "fsck"]',
    "zeroPaddedFilemode = ignore",
    "badTimezone = ignore",
    "missingSpaceBeforeDate = ignore",
    "[credential]",
    "helper = ",
    "[protocol]",
    "allow = never",
    `[protocol "${url.transport}"]`,
    "allow = always",
    "[http]",
    "followRedirects = false",
    "lowSpeedLimit = 100",
    "lowSpeedTime = 30",
    "proxy = ",
    "sslVerify = true",
    "emptyAuth = false",
  ];
  if (remote.caCertificates !== undefined) lines.push(`sslCAInfo = ${configValue(join(folder, "ca.pem"))}`);
  if (url.transport === "https" || url.transport === "http") {
    const pinned = addresses.map(inBrackets).join(",");
    lines.push(`curloptResolve = ${configValue(`${inBrackets(url.host)}:${url.port}:${pinned}`)}`);
    const header = authorization(remote.credential);
    if (header !== null)
      lines.push(
        `[http ${configValue(new URL("/", url.url).href)}]`,
        `extraHeader = ${configValue(`Authorization: ${header}`)}`,
      );
  }
  if (policy.allowFileUrls && url.transport === "file") lines.push("[safe]", "directory = *");
  return `${lines.join("\n")}\n`;
}

function authorization(credential: GitCredential | undefined): string | null {
  const basic = (username: string, password: string): string =>
    `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  switch (credential?.type) {
    case "basic":
      return basic(credential.username, credential.password);
    case "token":
      return basic(credential.username ?? "git", credential.token);
    case "bearer":
      return `Bearer ${credential.token}`;
    case "ssh":
    case undefined:
      return null;
  }
}

/** A value or section name of git's configuration, quoted. */
function configValue(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&").replace(/\n/g, "\\n")}"`;
}

async function writeSshFiles(
  { url, addresses, remote, policy, learnedHostsFile, timeoutMs }: GitSessionOptions,
  folder: string,
): Promise<void> {
  const known = remote.knownHosts;
  if (known !== undefined) await writePrivate(join(folder, "known_hosts"), `${known.trim()}\n`);
  if (remote.credential?.type === "ssh")
    await writePrivate(join(folder, "key"), `${remote.credential.privateKey.trim()}\n`);
  const hostsFile = known === undefined ? learnedHostsFile : join(folder, "known_hosts");
  const alias = url.port === 22 ? url.host : `[${url.host}]:${url.port}`;
  const connectSeconds = Math.max(1, Math.min(15, Math.ceil(timeoutMs / 1000)));
  const options: [string, string][] = [
    // The address was checked; the host key is still looked up under the name.
    ["HostName", addresses[0] ?? url.host],
    ["HostKeyAlias", alias],
    ["IdentityFile", sshPath(join(folder, "key"))],
    ["IdentitiesOnly", "yes"],
    ["IdentityAgent", "none"],
    ["UserKnownHostsFile", sshPath(hostsFile)],
    ["GlobalKnownHostsFile", "/dev/null"],
    ["StrictHostKeyChecking", known === undefined && policy.acceptNewHostKeys ? "accept-new" : "yes"],
    ["CheckHostIP", "no"],
    ["UpdateHostKeys", "no"],
    ["HashKnownHosts", "no"],
    ["BatchMode", "yes"],
    ["PreferredAuthentications", "publickey"],
    ["ClearAllForwardings", "yes"],
    ["ForwardAgent", "no"],
    ["PermitLocalCommand", "no"],
    ["ProxyCommand", "none"],
    ["ControlMaster", "no"],
    ["ControlPath", "none"],
    ["CanonicalizeHostname", "no"],
    ["ConnectTimeout", String(connectSeconds)],
    ["ServerAliveInterval", "10"],
    ["ServerAliveCountMax", "3"],
    ["LogLevel", "ERROR"],
  ];
  await writePrivate(
    join(folder, "ssh_config"),
    `Host *\n${options.map(([name, value]) => `  ${name} ${value}\n`).join("")}`,
  );
}

/** Quoted, with the percent signs that ssh would expand written twice. */
function sshPath(path: string): string {
  return `"${path.replaceAll("%", "%%")}"`;
}

function secretsOf(credential: GitCredential | undefined): string[] {
  const header = authorization(credential);
  const parts = header === null ? [] : [header, header.split(" ")[1] ?? header];
  if (credential?.type === "basic") parts.push(credential.password, encodeURIComponent(credential.password));
  if (credential?.type === "token" || credential?.type === "bearer") parts.push(credential.token);
  if (credential?.type === "ssh")
    parts.push(...credential.privateKey.split("\n").filter((line) => line.length > 20));
  return parts;
}

async function writePrivate(file: string, content: string): Promise<void> {
  await writeFile(file, content, { mode: 0o600, flag: "wx" });
}

/** Ends the git of a session with all its children. For a git that is known to run still. */
export async function killSession({ pidFile }: GitSession): Promise<void> {
  const text = await readFile(pidFile, "utf8").catch(() => "");
  const pid = Number(text.trim());
  if (!Number.isSafeInteger(pid) || pid <= 1) return;
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, "SIGKILL");
    } catch {
      // Gone, or not a group of its own.
    }
  }
}

/** The folder name of a repository's cache: neither scope nor URL can be read from it or steer it. */
export function repositoryKey(scope: string, url: string): string {
  return createHash("sha256")
    .update(JSON.stringify([scope, url]))
    .digest("hex")
    .slice(0, 40);
}
