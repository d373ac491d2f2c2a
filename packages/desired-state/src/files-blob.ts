import { AppError } from "@rciots/runtime";
import type { ManifestFile } from "@rciots/manifests";
import type { Store } from "@rciots/store";

/** Files of a template version or an overlay, as one blob: equal files, in any order, are the same blob. */
export async function writeFiles(
  blobs: Store["blobs"],
  organizationId: string,
  files: readonly ManifestFile[],
): Promise<string> {
  const sorted = files
    .map(({ path, content }) => ({ path, content }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  return blobs.put(organizationId, Buffer.from(JSON.stringify(sorted), "utf8"));
}

export async function readFiles(
  blobs: Store["blobs"],
  organizationId: string,
  blobId: string,
): Promise<ManifestFile[]> {
  const content = await blobs.get(organizationId, blobId);
  if (content === undefined) {
    throw new AppError({
      code: "content_missing",
      status: 500,
      message: "The files are missing from the store.",
    });
  }
  return JSON.parse(content.toString("utf8")) as ManifestFile[];
}
