import type { Models, Template, TemplateVersion } from "../models.ts";

/** What an operator, or the Git poller, may change of a template. */
export type TemplateChange = Partial<
  Pick<Template, "name" | "description" | "source" | "root" | "currentVersionId" | "sync">
>;

export interface TemplateName {
  _id: string;
  name: string;
}

/** Templates and their immutable versions. */
export function createTemplateRepository({ templates, templateVersions }: Models) {
  return {
    /** Rejects with a duplicate key where the name is taken. */
    async insert(template: Template): Promise<void> {
      await templates.create(template);
    },

    async find(organizationId: string, templateId: string): Promise<Template | null> {
      return templates.findOne({ _id: templateId, organizationId }).lean<Template>();
    },

    async findMany(organizationId: string, templateIds: readonly string[]): Promise<Template[]> {
      if (templateIds.length === 0) return [];
      return templates.find({ _id: { $in: [...templateIds] }, organizationId }).lean<Template[]>();
    },

    /** Newest first. `nameMatches` is a regular expression that the caller has escaped. */
    async list(
      organizationId: string,
      page: { before?: string; limit: number; nameMatches?: string; kind?: Template["source"]["kind"] },
    ): Promise<Template[]> {
      const filter = {
        organizationId,
        ...(page.before === undefined ? {} : { _id: { $lt: page.before } }),
        ...(page.nameMatches === undefined ? {} : { name: { $regex: page.nameMatches } }),
        ...(page.kind === undefined ? {} : { "source.kind": page.kind }),
      };
      return templates.find(filter).sort({ _id: -1 }).limit(page.limit).lean<Template[]>();
    },

    /** Those whose last look at Git failed, by name. */
    async failedSyncs(organizationId: string, limit: number): Promise<{ total: number; items: Template[] }> {
      const failed = { organizationId, "sync.status": "failed" as const };
      const [total, items] = await Promise.all([
        templates.countDocuments(failed),
        templates.find(failed).sort({ name: 1 }).limit(limit).lean<Template[]>(),
      ]);
      return { total, items };
    },

    /** Null where it is gone or no longer has version `ifVersion`. A duplicate key: the name is taken. */
    async update(
      organizationId: string,
      templateId: string,
      ifVersion: number,
      change: TemplateChange,
    ): Promise<Template | null> {
      return templates
        .findOneAndUpdate(
          { _id: templateId, organizationId, version: ifVersion },
          { $set: { ...change, updatedAt: new Date() }, $inc: { version: 1 } },
          { returnDocument: "after" },
        )
        .lean<Template>();
    },

    /** Makes a version the current one, whatever the template's ETag; null where the template is gone. */
    async setCurrentVersion(
      organizationId: string,
      templateId: string,
      versionId: string,
    ): Promise<Template | null> {
      return templates
        .findOneAndUpdate(
          { _id: templateId, organizationId },
          { $set: { currentVersionId: versionId, updatedAt: new Date() }, $inc: { version: 1 } },
          { returnDocument: "after" },
        )
        .lean<Template>();
    },

    /** How the last look at a Git source went. Not an operator's change: the ETag stays. */
    async setSync(organizationId: string, templateId: string, sync: Template["sync"]): Promise<void> {
      await templates.updateOne({ _id: templateId, organizationId }, { $set: { sync } });
    },

    /** Git templates whose next look is due, across all organisations, the longest overdue first. */
    async dueForSync(now: Date, limit: number): Promise<Template[]> {
      return templates
        .find({ "sync.nextAt": { $ne: null, $lte: now } })
        .sort({ "sync.nextAt": 1 })
        .limit(limit)
        .lean<Template[]>();
    },

    async countByCredential(organizationId: string, credentialId: string): Promise<number> {
      return templates.countDocuments({ organizationId, "source.credentialId": credentialId });
    },

    /** Git templates with the credential they use, by name. */
    async credentialUses(organizationId: string): Promise<(TemplateName & { credentialId: string })[]> {
      const found = await templates
        .find({ organizationId, "source.credentialId": { $exists: true, $ne: null } }, { name: 1, source: 1 })
        .sort({ name: 1 })
        .lean<(TemplateName & { source: { credentialId: string } })[]>();
      return found.map(({ _id, name, source }) => ({ _id, name, credentialId: source.credentialId }));
    },

    /** Has the templates of a credential looked at again at once, however long they were to wait. */
    async lookAgain(organizationId: string, credentialId: string, now: Date): Promise<void> {
      await templates.updateMany(
        { organizationId, "source.credentialId": credentialId },
        { $set: { "sync.nextAt": now } },
      );
    },

    /** The secrets that the current version of each template refers to, by the template's name. */
    async secretUses(organizationId: string): Promise<(TemplateName & { secrets: string[] })[]> {
      const heads = await templates
        .find({ organizationId }, { name: 1, currentVersionId: 1 })
        .sort({ name: 1 })
        .lean<(TemplateName & { currentVersionId: string | null })[]>();
      const ids = heads.flatMap(({ currentVersionId }) => currentVersionId ?? []);
      const versions = await templateVersions
        .find({ organizationId, _id: { $in: ids } }, { templateId: 1, secrets: 1 })
        .lean<Pick<TemplateVersion, "templateId" | "secrets">[]>();
      const secretsOf = new Map(versions.map(({ templateId, secrets }) => [templateId, secrets]));
      return heads.map(({ _id, name }) => ({ _id, name, secrets: secretsOf.get(_id) ?? [] }));
    },

    /** With its versions. Blobs are shared by content and stay. */
    async delete(organizationId: string, templateId: string): Promise<boolean> {
      const { deletedCount } = await templates.deleteOne({ _id: templateId, organizationId });
      if (deletedCount === 1) await templateVersions.deleteMany({ templateId, organizationId });
      return deletedCount === 1;
    },

    /** The next free version number; numbers of versions that were not made after all stay unused. */
    async reserveVersionNumber(organizationId: string, templateId: string): Promise<number | null> {
      const counted = await templates
        .findOneAndUpdate(
          { _id: templateId, organizationId },
          { $inc: { versionCount: 1 } },
          { returnDocument: "after" },
        )
        .lean<Template>();
      return counted?.versionCount ?? null;
    },

    async insertVersion(version: TemplateVersion): Promise<void> {
      await templateVersions.create(version);
    },

    async findVersion(organizationId: string, versionId: string): Promise<TemplateVersion | null> {
      return templateVersions.findOne({ _id: versionId, organizationId }).lean<TemplateVersion>();
    },

    async findVersions(organizationId: string, versionIds: readonly string[]): Promise<TemplateVersion[]> {
      if (versionIds.length === 0) return [];
      return templateVersions
        .find({ _id: { $in: [...versionIds] }, organizationId })
        .lean<TemplateVersion[]>();
    },

    /** The newest version with exactly these files and this root. */
    async findVersionByContent(
      organizationId: string,
      templateId: string,
      content: { contentHash: string; root: string },
    ): Promise<TemplateVersion | null> {
      return templateVersions
        .findOne({ templateId, organizationId, ...content })
        .sort({ number: -1 })
        .lean<TemplateVersion>();
    },

    /** Newest first; `before` is the last number of the page before. */
    async listVersions(
      organizationId: string,
      templateId: string,
      page: { before?: number; limit: number },
    ): Promise<TemplateVersion[]> {
      return templateVersions
        .find({
          templateId,
          organizationId,
          ...(page.before === undefined ? {} : { number: { $lt: page.before } }),
        })
        .sort({ number: -1 })
        .limit(page.limit)
        .lean<TemplateVersion[]>();
    },

    /** Takes versions back whose template was not stored after all. */
    async discardVersions(organizationId: string, templateId: string): Promise<void> {
      await templateVersions.deleteMany({ templateId, organizationId });
    },

    async count(organizationId: string): Promise<number> {
      return templates.countDocuments({ organizationId });
    },
  };
}
