import { chmod, link, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { errorMessage, type Logger } from "@rciots/runtime";
import { parseIdentityDocument, type IdentityDocument, type IdentityStore } from "./identity.store.ts";

const fileName = "identity.json";
const previousName = "identity.previous.json";

/**
 * The identity as a file of mode 0600 in a folder of mode 0700. A write goes to a file beside it, is synced,
 * and takes its place by a rename; the document before it is kept as `identity.previous.json` and stands in
 * where the newest one was damaged.
 */
export function createFileIdentityStore({
  folder,
  logger,
}: {
  folder: string;
  logger: Logger;
}): IdentityStore {
  const file = join(folder, fileName);
  const previous = join(folder, previousName);
  const place = `the file ${file}`;

  return {
    place,
    async load() {
      const text = await readIfThere(file);
      if (text === undefined) return loadPrevious();
      try {
        return parseIdentityDocument(text, place);
      } catch (error) {
        const older = await loadPrevious().catch(() => undefined);
        if (older === undefined) throw error;
        logger.error({ error: errorMessage(error), file: previous }, "going on with the identity before it");
        return older;
      }
    },
    async save(document) {
      await preparePrivateFolder(folder);
      await keepPrevious(file, previous);
      await replaceFile(folder, file, `${JSON.stringify(document, undefined, 2)}\n`);
    },
  };

  async function loadPrevious(): Promise<IdentityDocument | undefined> {
    const text = await readIfThere(previous);
    return text === undefined ? undefined : parseIdentityDocument(text, `the file ${previous}`);
  }
}

/** Makes the folder and takes everybody else's rights away, also where it was there before. */
export async function preparePrivateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
}

/** A second name for the same bytes: no moment is without a whole document. */
async function keepPrevious(file: string, previous: string): Promise<void> {
  await rm(previous, { force: true });
  await link(file, previous).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
  });
}

async function replaceFile(folder: string, file: string, content: string): Promise<void> {
  // One name: what a kill leaves is overwritten by the next write.
  const draft = `${file}.tmp`;
  const handle = await open(draft, "w", 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
  await syncFolder(folder);
}

/** Makes the rename itself last. Windows has no such call for folders. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
