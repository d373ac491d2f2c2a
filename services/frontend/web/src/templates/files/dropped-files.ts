import type { UploadedFile } from "./upload.ts";
import { isLeftOut, withoutCommonFolder } from "./upload.ts";

/** More than this is not looked through. */
const maxEntries = 5_000;

function toUpload(file: File, path: string): UploadedFile {
  return { path, sizeBytes: file.size, read: () => file.arrayBuffer() };
}

/** What a file input gives; of a folder, its files below it. */
export function chosenFiles(list: FileList): UploadedFile[] {
  return withoutCommonFolder(
    [...list].map((file) =>
      toUpload(file, file.webkitRelativePath === "" ? file.name : file.webkitRelativePath),
    ),
  );
}

const fileOf = (entry: FileSystemFileEntry): Promise<File> =>
  new Promise((resolve, reject) => entry.file(resolve, reject));

/** A reader gives a folder in portions; the empty one is the last. */
async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const entries: FileSystemEntry[] = [];
  for (;;) {
    const portion = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (portion.length === 0 || entries.length > maxEntries) return entries;
    entries.push(...portion);
  }
}

async function collect(entry: FileSystemEntry, found: UploadedFile[]): Promise<void> {
  const path = entry.fullPath.replace(/^\/+/, "");
  if (isLeftOut(path) || found.length > maxEntries) return;
  if (entry.isFile) {
    found.push(toUpload(await fileOf(entry as FileSystemFileEntry), path));
    return;
  }
  for (const child of await entriesOf(entry as FileSystemDirectoryEntry)) await collect(child, found);
}

/** Files and folders that were dropped. Must be called within the event, which forgets them afterwards. */
export function droppedFiles(transfer: DataTransfer): Promise<UploadedFile[]> {
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  return (async () => {
    const found: UploadedFile[] = [];
    for (const entry of entries) await collect(entry, found);
    return entries.length === 1 ? withoutCommonFolder(found) : found;
  })();
}
