import type { DesiredStateService } from "@rciots/desired-state";
import type { ManifestFile } from "@rciots/manifests";
import { badRequest, conflict, newId, notFound, type AppError } from "@rciots/runtime";
import {
  isDuplicateKey,
  type Store,
  type Template,
  type TemplateChange,
  type TemplateUsage,
  type TemplateVersion,
} from "@rciots/store";
import { difference, type Acting, type Audit } from "../audit/audit.ts";
import type { Member } from "../auth/caller.ts";
import { readPage, type Page } from "../http/cursor.ts";
import { checkVersion } from "../http/etag.ts";
import { changesOf, changeVersioned } from "../http/optimistic-change.ts";
import { nameSearch } from "../http/search.ts";
import { toYaml } from "./rendered-yaml.ts";
import type { GitSyncService, GitTemplateSource } from "./git-sync.service.ts";
import { commitOf, type MadeVersion, type TemplateVersions, type VersionInput } from "./template-versions.ts";

const maxTemplates = 2_000;

interface MemberActing extends Acting {
  caller: Member;
}

/** Inline files, or where in Git they are. */
export type TemplateContent =
  { files: readonly ManifestFile[]; root: string } | { git: Omit<GitTemplateSource, "kind"> };

export interface TemplateUpdate {
  name?: string | undefined;
  description?: string | undefined;
  files?: readonly ManifestFile[] | undefined;
  root?: string | undefined;
  git?: { [Key in keyof Omit<GitTemplateSource, "kind">]?: GitTemplateSource[Key] | undefined } | undefined;
}

export interface WithWarnings {
  template: Template;
  /** What the renderer remarks, such as a deprecated field. */
  warnings: string[];
}

export type TemplatesService = ReturnType<typeof createTemplatesService>;

const neverSynced: Template["sync"] = {
  status: "never",
  message: null,
  commit: null,
  checkedAt: null,
  nextAt: null,
};
const audited = ["name", "description", "source", "root", "currentVersionId"] as const;

/** Reusable Kustomize bases and their versions. */
export function createTemplatesService(options: {
  store: Pick<Store, "templates" | "devices" | "provisioningTokens">;
  versions: TemplateVersions;
  gitSync: GitSyncService;
  desiredState: Pick<DesiredStateService, "readFiles" | "readRendered">;
  audit: Audit;
}) {
  const { store, versions, gitSync, desiredState, audit } = options;

  async function get(organizationId: string, id: string): Promise<Template> {
    const found = await store.templates.find(organizationId, id);
    if (found === null) throw notFound({ code: "template_not_found", message: "There is no such template." });
    return found;
  }

  async function getVersion(
    organizationId: string,
    templateId: string,
    versionId: string,
  ): Promise<TemplateVersion> {
    const version = await store.templates.findVersion(organizationId, versionId);
    if (version?.templateId !== templateId) {
      throw notFound({ code: "template_version_not_found", message: "The template has no such version." });
    }
    return version;
  }

  function refuseTakenName(error: unknown): never {
    if (!isDuplicateKey(error)) throw error;
    throw conflict({ code: "name_taken", message: "There is a template of this name already." });
  }

  async function fromGit(organizationId: string, source: GitTemplateSource, createdBy: string) {
    const snapshot = await gitSync.fetchSource(organizationId, source);
    const now = new Date();
    const nextAt = new Date(now.getTime() + source.pollIntervalMs);
    const sync = { status: "ok" as const, message: null, commit: snapshot.commit, checkedAt: now, nextAt };
    const input: VersionInput = {
      files: snapshot.files,
      root: snapshot.root,
      commit: commitOf(snapshot),
      createdBy,
    };
    return { input, sync };
  }

  async function create(
    acting: MemberActing,
    choices: { name: string; description: string; content: TemplateContent },
  ): Promise<WithWarnings> {
    const { organizationId, userId } = acting.caller;
    if ((await store.templates.count(organizationId)) >= maxTemplates) {
      throw conflict({ code: "too_many_templates", message: `There are ${maxTemplates} templates already.` });
    }
    const { content } = choices;
    const source: Template["source"] =
      "git" in content ? { kind: "git", ...content.git } : { kind: "inline" };
    const { input, sync } =
      source.kind === "git"
        ? await fromGit(organizationId, source, userId)
        : {
            input: {
              ...(content as { files: ManifestFile[]; root: string }),
              commit: null,
              createdBy: userId,
            },
            sync: neverSynced,
          };
    const identity = { _id: newId("tpl"), organizationId };
    const made = await versions.first(identity, input);
    const now = new Date();
    const template: Template = {
      ...identity,
      name: choices.name,
      description: choices.description,
      source,
      root: input.root,
      currentVersionId: made.versionId,
      versionCount: 1,
      sync,
      createdAt: now,
      updatedAt: now,
      version: 1,
    };
    // The version goes first, so that a template that can be found can be run.
    await store.templates.insert(template).catch(async (error: unknown) => {
      await store.templates.discardVersions(organizationId, template._id);
      refuseTakenName(error);
    });
    await audit.record(acting, {
      organizationId,
      kind: "template.created",
      message: `Template ${template.name} was created.`,
      details: { templateId: template._id, source, versionId: made.versionId },
    });
    return { template, warnings: made.warnings };
  }

  /** The content that an update asks for, made into a version; null where it asks for none. */
  async function prepare(
    template: Template,
    wanted: TemplateUpdate,
    createdBy: string,
  ): Promise<{ made: MadeVersion; change: TemplateChange } | null> {
    const { source, organizationId } = template;
    if (source.kind === "inline") {
      if (wanted.git !== undefined) throw kindFixed("inline");
      if (wanted.files === undefined && wanted.root === undefined) return null;
      const root = wanted.root ?? template.root;
      const files = wanted.files ?? (await currentFiles(template));
      const made = await versions.next(template, { files, root, commit: null, createdBy });
      return { made, change: { currentVersionId: made.versionId, root } };
    }
    if (wanted.files !== undefined || wanted.root !== undefined) throw kindFixed("git");
    if (wanted.git === undefined) return null;
    const given = Object.fromEntries(Object.entries(wanted.git).filter(([, value]) => value !== undefined));
    const nextSource: GitTemplateSource = { ...source, ...given };
    const { input, sync } = await fromGit(organizationId, nextSource, createdBy);
    const made = await versions.next(template, input);
    return { made, change: { currentVersionId: made.versionId, root: input.root, source: nextSource, sync } };
  }

  async function currentFiles(template: Template): Promise<ManifestFile[]> {
    const version = await getVersion(template.organizationId, template._id, template.currentVersionId ?? "");
    return desiredState.readFiles(template.organizationId, version.filesBlobId);
  }

  async function write(
    acting: MemberActing,
    id: string,
    ifMatch: number | undefined,
    wanted: TemplateChange,
    kind: string,
  ): Promise<Template> {
    const { organizationId } = acting.caller;
    const { before, after, isChanged } = await changeVersioned({
      ifMatch,
      read: () => get(organizationId, id),
      change: (current) => changesOf(current, wanted),
      write: (current, change) =>
        store.templates.update(organizationId, id, current.version, change).catch(refuseTakenName),
    });
    if (!isChanged) return after;
    if (before.currentVersionId !== after.currentVersionId) await versions.announce(after);
    await audit.record(acting, {
      organizationId,
      kind,
      message: `Template ${after.name} was changed.`,
      details: { templateId: id, ...difference(before, after, audited) },
    });
    return after;
  }

  return {
    get,
    getVersion,
    create,

    async list(
      organizationId: string,
      filter: { q?: string | undefined; kind?: "inline" | "git" | undefined },
      page: { limit: number; cursor?: string | undefined },
    ): Promise<Page<Template>> {
      return readPage({
        kind: "templates",
        limit: page.limit,
        cursor: page.cursor,
        read: (before, limit) =>
          store.templates.list(organizationId, {
            limit,
            ...(before === undefined ? {} : { before }),
            ...(filter.q === undefined ? {} : { nameMatches: nameSearch(filter.q, "any-case") }),
            ...(filter.kind === undefined ? {} : { kind: filter.kind }),
          }),
        positionOf: (template) => template._id,
      });
    },

    /** One entry for each identifier, in their order; of templates that are not there, with zeros. */
    usage: (organizationId: string, templateIds: readonly string[]): Promise<TemplateUsage[]> =>
      store.devices.usageOfTemplates(organizationId, templateIds),

    /** Files that differ from the current version's make a new version, and it is the current one. */
    async update(
      acting: MemberActing,
      id: string,
      wanted: TemplateUpdate,
      ifMatch: number | undefined,
    ): Promise<WithWarnings> {
      const template = await get(acting.caller.organizationId, id);
      checkVersion(ifMatch, template.version);
      const prepared = await prepare(template, wanted, acting.caller.userId);
      const change: TemplateChange = {
        ...(wanted.name === undefined ? {} : { name: wanted.name }),
        ...(wanted.description === undefined ? {} : { description: wanted.description }),
        ...prepared?.change,
      };
      const updated = await write(acting, id, ifMatch, change, "template.changed");
      return { template: updated, warnings: prepared?.made.warnings ?? [] };
    },

    async setCurrentVersion(
      acting: MemberActing,
      id: string,
      versionId: string,
      ifMatch: number | undefined,
    ): Promise<Template> {
      const { organizationId } = acting.caller;
      await get(organizationId, id);
      const version = await store.templates.findVersion(organizationId, versionId);
      if (version?.templateId !== id) {
        throw badRequest({
          code: "template_version_not_found",
          message: `The template has no version ${versionId}.`,
        });
      }
      const change = { currentVersionId: versionId, root: version.root };
      return write(acting, id, ifMatch, change, "template.version-set");
    },

    async refresh(acting: MemberActing, id: string): Promise<Template> {
      const { organizationId } = acting.caller;
      await gitSync.refresh(await get(organizationId, id));
      return get(organizationId, id);
    },

    testGit: (organizationId: string, source: GitTemplateSource) => gitSync.test(organizationId, source),

    async remove(acting: MemberActing, id: string): Promise<void> {
      const { organizationId } = acting.caller;
      const template = await get(organizationId, id);
      const [deviceCount, provisioningTokenCount] = await Promise.all([
        store.devices.countByTemplate(organizationId, id),
        store.provisioningTokens.countByTemplate(organizationId, id),
      ]);
      if (deviceCount + provisioningTokenCount > 0) {
        const message =
          `The template is assigned to ${deviceCount} device${deviceCount === 1 ? "" : "s"} and ` +
          `${provisioningTokenCount} provisioning token${provisioningTokenCount === 1 ? "" : "s"}.`;
        throw conflict({
          code: "template_in_use",
          message,
          details: { deviceCount, provisioningTokenCount },
        });
      }
      if (!(await store.templates.delete(organizationId, id))) return;
      await audit.record(acting, {
        organizationId,
        kind: "template.deleted",
        message: `Template ${template.name} was deleted.`,
        details: { templateId: id, source: template.source },
      });
    },

    async listVersions(
      organizationId: string,
      id: string,
      page: { limit: number; cursor?: string | undefined },
    ) {
      const template = await get(organizationId, id);
      const found = await readPage({
        kind: `versions-${id}`,
        limit: page.limit,
        cursor: page.cursor,
        read: (before, limit) =>
          store.templates.listVersions(organizationId, id, {
            limit,
            ...(before === undefined ? {} : { before: Number(before) }),
          }),
        positionOf: (version) => String(version.number),
      });
      return { template, found };
    },

    /** Its files as they were given, and what kustomize made of them. */
    async versionContent(organizationId: string, version: TemplateVersion) {
      const [files, rendered] = await Promise.all([
        desiredState.readFiles(organizationId, version.filesBlobId),
        desiredState.readRendered(organizationId, version.renderedBlobId),
      ]);
      return { files, rendered: toYaml(rendered ?? "") };
    },
  };
}

function kindFixed(kind: string): AppError {
  const has = kind === "git" ? "come from Git" : "are inline";
  return badRequest({
    code: "template_kind_fixed",
    message: `The files of this template ${has}; that can't be changed. Create another template.`,
  });
}
