import type { DesiredStateService } from "@rciots/desired-state";
import { validateManifestFiles, type ManifestFile } from "@rciots/manifests";
import { notFound } from "@rciots/runtime";
import type { Store, TemplateVersion } from "@rciots/store";
import { createHash } from "node:crypto";
import { withContentErrors } from "./content-error.ts";
import type { GitSyncService, GitTemplateSource } from "./git-sync.service.ts";
import { objectsOf, toYaml, type NamedObject } from "./rendered-yaml.ts";
import { commitOf } from "./template-versions.ts";

/** Files that are no version yet, or where in Git they are. */
export type DraftContent = { files: readonly ManifestFile[]; root: string } | { git: GitTemplateSource };

export interface CheckedDraft {
  yaml: string;
  objects: NamedObject[];
  variables: string[];
  secrets: string[];
  /** Of `secrets`, those that the organisation doesn't have. */
  missingSecrets: string[];
  warnings: string[];
  commit: TemplateVersion["commit"];
  fileCount: number;
}

export interface FileHead {
  path: string;
  sizeBytes: number;
  /** SHA-256 of the content. */
  sha256: string;
}

export type TemplateContentService = ReturnType<typeof createTemplateContentService>;

/** Looks at the content of templates, stored or not; changes nothing. */
export function createTemplateContentService(options: {
  store: Pick<Store, "secrets">;
  gitSync: Pick<GitSyncService, "fetchSource">;
  desiredState: Pick<DesiredStateService, "checkFiles" | "readFiles" | "readRendered">;
}) {
  const { store, gitSync, desiredState } = options;

  async function load(organizationId: string, draft: DraftContent) {
    if (!("git" in draft)) return { ...draft, commit: null };
    const snapshot = await gitSync.fetchSource(organizationId, draft.git);
    return { files: snapshot.files, root: snapshot.root, commit: commitOf(snapshot) };
  }

  async function missingOf(organizationId: string, secrets: readonly string[]): Promise<string[]> {
    const found = await store.secrets.findMany(organizationId, secrets);
    return secrets.filter((name) => !found.some((secret) => secret.name === name));
  }

  return {
    /** Renders a draft. Throws 422 with the faults, their files and lines. */
    async check(organizationId: string, draft: DraftContent): Promise<CheckedDraft> {
      const { files, root, commit } = await load(organizationId, draft);
      const checked = await withContentErrors(async () =>
        desiredState.checkFiles(validateManifestFiles(files, { root }), root),
      );
      const { ndjson, variables, secrets, warnings } = checked;
      return {
        yaml: toYaml(ndjson),
        objects: objectsOf(ndjson),
        variables,
        secrets,
        missingSecrets: await missingOf(organizationId, secrets),
        warnings,
        commit,
        fileCount: files.length,
      };
    },

    async listFiles(organizationId: string, version: TemplateVersion): Promise<FileHead[]> {
      const files = await desiredState.readFiles(organizationId, version.filesBlobId);
      return files.map(({ path, content }) => ({
        path,
        sizeBytes: Buffer.byteLength(content),
        sha256: createHash("sha256").update(content).digest("hex"),
      }));
    },

    async readFile(organizationId: string, version: TemplateVersion, path: string): Promise<ManifestFile> {
      const files = await desiredState.readFiles(organizationId, version.filesBlobId);
      const file = files.find((candidate) => candidate.path === path);
      if (file === undefined) {
        throw notFound({ code: "file_not_found", message: "The version has no such file." });
      }
      return file;
    },

    /** What kustomize made of a version, before variables and secrets are filled in. */
    async rendered(organizationId: string, version: TemplateVersion) {
      const ndjson = (await desiredState.readRendered(organizationId, version.renderedBlobId)) ?? "";
      return { yaml: toYaml(ndjson), objects: objectsOf(ndjson) };
    },
  };
}
