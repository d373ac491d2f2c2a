import type { Device, Models, Secret, Template, TemplateVersion } from "../models.ts";

export type TemplateHead = Pick<Template, "_id" | "name" | "currentVersionId">;

/** Reads of what the content of devices is made of, many at once. */
export function createContentRepository({
  devices,
  organizations,
  secrets,
  templates,
  templateVersions,
}: Models) {
  return {
    /** Name and current version of templates. */
    async templates(organizationId: string, templateIds: string[]): Promise<TemplateHead[]> {
      if (templateIds.length === 0) return [];
      return templates
        .find({ organizationId, _id: { $in: templateIds } }, { name: 1, currentVersionId: 1 })
        .lean<TemplateHead[]>();
    },

    async versions(organizationId: string, versionIds: string[]): Promise<TemplateVersion[]> {
      return templateVersions.find({ organizationId, _id: { $in: versionIds } }).lean<TemplateVersion[]>();
    },

    async secrets(organizationId: string, names: string[]): Promise<Secret[]> {
      return secrets.find({ organizationId, name: { $in: names } }).lean<Secret[]>();
    },

    /** The organisation's wrapped data key. */
    async dataKey(organizationId: string): Promise<string | undefined> {
      const found = await organizations
        .findOne({ _id: organizationId }, { dataKey: 1 })
        .lean<{ dataKey: string }>();
      return found?.dataKey;
    },

    /** A device by its id alone: for the session of that very device. */
    async deviceById(deviceId: string): Promise<Device | null> {
      return devices.findOne({ _id: deviceId }).lean<Device>();
    },

    /** Devices with overlay files, across organisations, in order of id: a page of the overlay renderer's round. */
    async devicesWithOverlay(afterId: string, limit: number): Promise<Device[]> {
      return devices
        .find({ _id: { $gt: afterId }, overlay: { $ne: null }, status: "active" })
        .sort({ _id: 1 })
        .limit(limit)
        .lean<Device[]>();
    },

    /** Stores what came of rendering, unless the overlay was replaced meanwhile. */
    async setComposition(device: Device, composition: NonNullable<Device["composition"]>): Promise<void> {
      await devices.updateOne(
        {
          _id: device._id,
          organizationId: device.organizationId,
          "overlay.blobId": device.overlay?.blobId ?? null,
        },
        { $set: { composition } },
      );
    },
  };
}
