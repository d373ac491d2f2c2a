import { execFile, spawn } from "node:child_process";
import { access, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface TestRepository {
  /** The bare repository. */
  path: string;
  name: string;
  /** Replaces all files by these, commits, and gives the commit id. Content null makes no file. */
  commit: (
    files: Readonly<Record<string, string | Buffer>>,
    options?: { branch?: string; message?: string },
  ) => Promise<string>;
  /** Runs git in the working copy; gives what it printed. */
  git: (...args: string[]) => Promise<string>;
  /** Makes the bare repository show what the working copy has. */
  publish: () => Promise<void>;
  work: string;
}

export interface TestRepositories {
  folder: string;
  create: (name: string) => Promise<TestRepository>;
  remove: () => Promise<void>;
}

const env = {
  PATH: process.env["PATH"] ?? "/usr/bin:/bin",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_AUTHOR_NAME: "Ada Lovelace",
  GIT_AUTHOR_EMAIL: "ada@example.com",
  GIT_COMMITTER_NAME: "Ada Lovelace",
  GIT_COMMITTER_EMAIL: "ada@example.com",
};

/** Bare repositories with working copies in a temporary folder, made with real git. */
export async function createTestRepositories(): Promise<TestRepositories> {
  const folder = await mkdtemp(join(tmpdir(), "rciots-git-"));
  return {
    folder,
    create: (name) => createRepository(folder, name),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

async function createRepository(folder: string, name: string): Promise<TestRepository> {
  const path = join(folder, "served", `${name}.git`);
  const work = join(folder, "work", name);
  const home = { ...env, HOME: folder };
  const git = async (...args: string[]): Promise<string> => {
    const { stdout } = await run("git", args, { cwd: work, env: home, maxBuffer: 64 * 1024 * 1024 });
    return stdout.trim();
  };
  await mkdir(work, { recursive: true });
  await mkdir(dirname(path), { recursive: true });
  await run("git", ["init", "--quiet", "--bare", "--initial-branch=main", path], { env: home });
  await git("init", "--quiet", "--initial-branch=main");
  const publish = async (): Promise<void> => {
    await git("push", "--quiet", "--force", "--mirror", path);
  };
  return {
    path,
    name,
    work,
    git,
    publish,
    commit: async (files, { branch = "main", message = "Change" } = {}) => {
      await git("checkout", "--quiet", "-B", branch);
      await git("rm", "-r", "--quiet", "--force", "--ignore-unmatch", ".");
      for (const [file, content] of Object.entries(files)) {
        await mkdir(dirname(join(work, file)), { recursive: true });
        await writeFile(join(work, file), content);
      }
      await git("add", "--all", "--force");
      await git("commit", "--quiet", "--allow-empty", "--message", message);
      await publish();
      return git("rev-parse", "HEAD");
    },
  };
}

export interface GitServerOptions {
  /** The folder whose `served/` holds the repositories. */
  folder: string;
  /** Asks for basic authentication. */
  user?: { name: string; password: string };
  /** Asks for this bearer token. */
  bearer?: string;
  /** Serves HTTPS with these, in PEM. */
  tls?: { key: string; cert: string };
  /** Speaks the first protocol version, in which a server gives out the tips of refs only. */
  firstProtocol?: boolean;
  /** Answers before git does; true when it has. */
  intercept?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

export interface GitServer {
  /** `http://127.0.0.1:port` or `https://localhost:port`. */
  url: string;
  port: number;
  /** `METHOD path` of each request. */
  requests: string[];
  /** The values of every Authorization header that came. */
  authorizations: string[];
  stop: () => Promise<void>;
}

/** A smart HTTP server over real `git http-backend`, on a free port of the loopback interface. */
export async function startGitServer(options: GitServerOptions): Promise<GitServer> {
  const requests: string[] = [];
  const authorizations: string[] = [];
  const listener: RequestListener = (request, response) => {
    requests.push(`${request.method ?? ""} ${request.url ?? ""}`);
    if (request.headers.authorization !== undefined) authorizations.push(request.headers.authorization);
    if (options.intercept?.(request, response) === true) return;
    if (!isAuthorized(request, options)) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end();
      return;
    }
    serve(request, response, options);
  };
  const server =
    options.tls === undefined ? createHttpServer(listener) : createHttpsServer(options.tls, listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const url = options.tls === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`;
  return { url, port, requests, authorizations, stop };
}

function isAuthorized(request: IncomingMessage, { user, bearer }: GitServerOptions): boolean {
  const given = request.headers.authorization;
  if (bearer !== undefined) return given === `Bearer ${bearer}`;
  if (user === undefined) return true;
  return given === `Basic ${Buffer.from(`${user.name}:${user.password}`).toString("base64")}`;
}

/** CGI: the request in the environment and on standard input, headers and body on standard output. */
function serve(
  request: IncomingMessage,
  response: ServerResponse,
  { folder, firstProtocol = false }: GitServerOptions,
): void {
  const url = new URL(request.url ?? "/", "http://localhost");
  const child = spawn("git", ["http-backend"], {
    env: {
      ...env,
      HOME: folder,
      GIT_PROJECT_ROOT: join(folder, "served"),
      GIT_HTTP_EXPORT_ALL: "1",
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method ?? "GET",
      CONTENT_TYPE: request.headers["content-type"] ?? "",
      HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
      GIT_PROTOCOL: firstProtocol ? "" : String(request.headers["git-protocol"] ?? ""),
      REMOTE_ADDR: "127.0.0.1",
    },
  });
  request.pipe(child.stdin);
  child.stdin.on("error", () => undefined);
  response.on("close", () => child.kill());
  let head = Buffer.alloc(0);
  const onData = (chunk: Buffer): void => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (end === -1) return;
    child.stdout.off("data", onData);
    writeHead(response, head.subarray(0, end).toString());
    response.write(head.subarray(end + 4));
    child.stdout.pipe(response);
  };
  child.stdout.on("data", onData);
  child.stdout.on("end", () => response.end());
}

function writeHead(response: ServerResponse, head: string): void {
  const headers = head
    .split("\r\n")
    .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()] as const);
  const status = headers.find(([name]) => name.toLowerCase() === "status")?.[1] ?? "200";
  response.writeHead(
    Number(status.split(" ")[0]),
    Object.fromEntries(headers.filter(([name]) => name.toLowerCase() !== "status")),
  );
}

/** A self-signed certificate for `localhost`, made with openssl. */
export async function createLocalCertificate(folder: string): Promise<{ key: string; cert: string }> {
  const { stdout } = await run("openssl", [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-days",
    "2",
    "-subj",
    "/CN=localhost",
    "-addext",
    "subjectAltName=DNS:localhost,IP:127.0.0.1",
    "-keyout",
    "-",
    "-out",
    join(folder, "cert.pem"),
  ]);
  const { stdout: cert } = await run("openssl", ["x509", "-in", join(folder, "cert.pem")]);
  return { key: stdout.slice(stdout.indexOf("-----BEGIN")), cert };
}

/** Whether real `git http-backend` is here; a test that needs it skips itself by name otherwise. */
export async function hasGitHttpBackend(): Promise<boolean> {
  try {
    const { stdout } = await run("git", ["--exec-path"]);
    await access(join(stdout.trim(), "git-http-backend"));
    return true;
  } catch {
    return false;
  }
}
