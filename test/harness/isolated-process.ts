import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { startProcess, type TestProcess } from "./process.ts";

/** Why nothing can be run as in a container here, or undefined. */
export function isolationFault(): string | undefined {
  if (process.getuid?.() !== 0) return "running something in a mount namespace needs root";
  try {
    execFileSync("unshare", ["-m", "setpriv", "--no-new-privs", "true"], { stdio: "pipe" });
    return undefined;
  } catch (error) {
    return `no mount namespace can be made here: ${String(error).split("\n")[0] ?? ""}`;
  }
}

/** As OpenShift picks one: any, and of the root group. */
const anyUser = 1_000_680_000;

export interface Mount {
  source: string;
  target: string;
  isReadOnly?: boolean;
}

/** The nearest folder on the way to it that there is. */
function existingParent(path: string): string {
  return existsSync(path) ? realpathSync(path) : existingParent(dirname(path));
}

/** Mount points are made on an overlay, not on this machine; then all is read-only but the volumes. */
function script(mounts: readonly Mount[], folder: string): string {
  const missing = mounts.filter(({ target }) => !existsSync(target));
  const covers = [...new Set(missing.map(({ target }) => existingParent(target)))];
  const quoted = (text: string): string => `'${text}'`;
  const overlay = (cover: string, index: number): string => {
    const [upper, work] = ["upper", "work"].map((name) => join(folder, `.${name}-${index}`));
    const layers = `lowerdir=${cover},upperdir=${upper},workdir=${work}`;
    return `mkdir ${upper} ${work} && mount -t overlay overlay -o ${layers} ${quoted(cover)}`;
  };
  return [
    "mount --make-rprivate /",
    ...covers.map(overlay),
    ...mounts.map(
      ({ source, target }) =>
        `mkdir -p ${quoted(target)} && mount --bind ${quoted(source)} ${quoted(target)}`,
    ),
    ...covers.map((cover) => `mount -o remount,ro ${quoted(cover)}`),
    ...mounts
      .filter(({ isReadOnly }) => isReadOnly === true)
      .map(({ target }) => `mount -o remount,bind,ro ${quoted(target)}`),
    "mount -o remount,bind,ro /",
    `exec setpriv --reuid=${anyUser} --regid=0 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"`,
  ].join("\n");
}

/**
 * Arguments of `unshare` that run a command as a container does: the mounts at their paths, nothing else that can be
 * written to, an arbitrary user of the root group without any capability. `folder` takes what is in between.
 */
export const isolated = (options: {
  mounts: readonly Mount[];
  folder: string;
  command: readonly string[];
}): string[] => ["-m", "sh", "-ec", script(options.mounts, options.folder), "sh", ...options.command];

export interface IsolatedProcess {
  process: TestProcess;
  remove(): Promise<void>;
}

/** `image`: folders by their paths in the image; `volumes`: paths that may be written to. */
export function startIsolated(options: {
  image: Readonly<Record<string, string>>;
  volumes: readonly string[];
  command: readonly string[];
  env: Readonly<Record<string, string>>;
}): IsolatedProcess {
  const folder = mkdtempSync(join(tmpdir(), "rciots-isolated-"));
  chmodSync(folder, 0o755);
  const volumes = options.volumes.map((target, index) => {
    const source = join(folder, `volume-${index}`);
    mkdirSync(source);
    chmodSync(source, 0o777);
    return { source, target };
  });
  const image = Object.entries(options.image).map(([target, source]) => ({
    source,
    target,
    isReadOnly: true,
  }));
  const running = startProcess(
    "unshare",
    isolated({ mounts: [...image, ...volumes], folder, command: options.command }),
    { HOME: "/tmp", ...options.env },
  );
  return {
    process: running,
    async remove() {
      await running.kill("SIGTERM");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
