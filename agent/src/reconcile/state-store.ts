import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@rciots/runtime";

/**
 * Named blobs that survive kill -9 and power cuts. Whoever reads a blob checks it and, when it is broken,
 * has it set aside: a broken file is kept for people to look at and never read again.
 */
export interface StateStore {
  /** Undefined where there is none. */
  read(name: string): Promise<Buffer | undefined>;
  /** All or nothing: afterwards, and after any crash, the old or the new content is there. */
  write(name: string, content: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
  list(): Promise<string[]>;
  /** Moves a broken blob out of the way; resolves to where it is now. */
  setAside(name: string): Promise<string>;
}

const namePattern = /^[a-z0-9][a-z0-9.-]{0,127}$/;
const asideSuffix = ".broken";
const temporarySuffix = ".tmp";
const leftoverAgeMs = 600_000;

/** Files of mode 0600 in a folder of mode 0700. */
export function createFileStateStore({ dir }: { readonly dir: string }): StateStore {
  const pathOf = (name: string): string => {
    if (namePattern.test(name)) return join(dir, name);
    throw new AppError({
      code: "state_name_invalid",
      status: 500,
      message: `"${name}" can't name a state file.`,
    });
  };

  const write = async (name: string, content: Uint8Array): Promise<void> => {
    const path = pathOf(name);
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const temporary = join(dir, `.${name}.${randomUUID()}${temporarySuffix}`);
    try {
      const file = await open(temporary, "wx", 0o600);
      try {
        await file.writeFile(content);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await syncFolder(dir);
  };

  return {
    read: async (name) => {
      try {
        return await readFile(pathOf(name));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
      }
    },
    write,
    remove: (name) => rm(pathOf(name), { force: true }),
    list: async () => {
      const names = await readdir(dir).catch(() => [] as string[]);
      await Promise.all(names.map((name) => removeLeftover(dir, name)));
      return names.filter((name) => namePattern.test(name) && !name.endsWith(asideSuffix));
    },
    setAside: async (name) => {
      const aside = `${pathOf(name)}${asideSuffix}`;
      await rename(pathOf(name), aside);
      return aside;
    },
  };
}

/** What a writer that was killed left behind never became a blob; a young one may still be written. */
async function removeLeftover(dir: string, name: string): Promise<void> {
  if (!name.startsWith(".") || !name.endsWith(temporarySuffix)) return;
  const file = await stat(join(dir, name)).catch(() => undefined);
  if (file && Date.now() - file.mtimeMs > leftoverAgeMs) await rm(join(dir, name), { force: true });
}

/** Makes the rename itself durable. */
async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** For simulated devices and tests: nothing outlives the process. */
export function createMemoryStateStore(): StateStore {
  const blobs = new Map<string, Buffer>();
  return {
    read: async (name) => blobs.get(name),
    write: async (name, content) => void blobs.set(name, Buffer.from(content)),
    remove: async (name) => void blobs.delete(name),
    list: async () => [...blobs.keys()].filter((name) => !name.endsWith(asideSuffix)),
    setAside: async (name) => {
      const content = blobs.get(name);
      blobs.delete(name);
      if (content) blobs.set(name + asideSuffix, content);
      return name + asideSuffix;
    },
  };
}
