import assert from "node:assert/strict";
import { mkdir, mkdtemp, open, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { readManifestFolder } from "./read-folder.ts";

describe("when a folder is read", () => {
  let folder: string;
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "rciots-folder-"))));
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const write = async (path: string, content: string | Buffer): Promise<void> => {
    await mkdir(join(folder, path, ".."), { recursive: true });
    await writeFile(join(folder, path), content);
  };

  it("gives text files sorted by path, without .git", async () => {
    await write("b.yaml", "b: 1\n");
    await write("a/c.yaml", "ü\n");
    await write(".git/config", "x");
    assert.deepEqual(await readManifestFolder(folder), [
      { path: "a/c.yaml", content: "ü\n" },
      { path: "b.yaml", content: "b: 1\n" },
    ]);
  });

  it("refuses symbolic links by name", async () => {
    await symlink("/etc/passwd", join(folder, "link.yaml"));
    await assert.rejects(readManifestFolder(folder), {
      code: "file_not_regular",
      message: /"link.yaml" is a symbolic link/,
    });
  });

  it("refuses a file of 200 MB without reading it", async () => {
    const handle = await open(join(folder, "big.bin"), "w");
    await handle.truncate(200 * 1024 * 1024);
    await handle.close();
    const before = process.memoryUsage().rss;
    await assert.rejects(readManifestFolder(folder), {
      code: "file_too_large",
      message: /"big.bin" is larger than 1 MiB/,
    });
    assert.ok(process.memoryUsage().rss - before < 50 * 1024 * 1024);
  });

  it("refuses what is not UTF-8 and too many files", async () => {
    await write("a.bin", Buffer.from([0xff, 0xfe]));
    await assert.rejects(readManifestFolder(folder), { code: "file_not_text" });
    await write("a.bin", "a");
    await write("b", "b");
    await assert.rejects(readManifestFolder(folder, { limits: { maxFiles: 1 } }), { code: "too_many_files" });
    await assert.rejects(readManifestFolder(folder, { limits: { maxTotalBytes: 1 } }), {
      code: "files_too_large",
    });
  });
});
