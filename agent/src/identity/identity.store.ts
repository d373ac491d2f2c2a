import { z } from "zod";
import { AppError } from "@rciots/runtime";

const deviceIdentity = z.object({
  deviceId: z.string().min(1),
  organizationId: z.string().min(1),
  /** Secret beside the certificate. */
  deviceToken: z.string().min(1),
  /** PEM (PKCS #8). */
  privateKey: z.string().min(1),
  /** PEM: the device's certificate, then its organisation's intermediate. */
  certificateChain: z.string().min(1),
  /** PEM: the roots that the platform's own certificates lead to. */
  caCertificates: z.string(),
  /** Where the channel is. */
  edgeUrl: z.string().min(1),
  /** The platform it belongs to: an agent that is pointed at another one says so. */
  platformUrl: z.string().min(1),
});
/** Everything a device needs to open a session. */
export type DeviceIdentity = z.output<typeof deviceIdentity>;

const identityDocument = z.object({
  version: z.literal(1),
  identity: deviceIdentity.optional(),
  /** An enrolment under way. The key is kept before it is first sent, so that a retry is the same device. */
  pending: z
    .object({
      privateKey: z.string().min(1),
      deviceId: z.string().optional(),
      deviceToken: z.string().optional(),
    })
    .optional(),
  /** The operator took the device away. It enrols again only with another provisioning token. */
  decommissioned: z
    .object({ deviceId: z.string(), at: z.string(), tokenHash: z.string().optional() })
    .optional(),
});
export type IdentityDocument = z.output<typeof identityDocument>;

/** Where the identity lives: a file on a host, a Secret in a cluster, memory in a simulator. */
export interface IdentityStore {
  /** For log lines and sentences: `the file /var/lib/...`. */
  readonly place: string;
  /**
   * Undefined where nothing was stored yet. Throws `identity_corrupt` where something is stored that can't be
   * read: a device must not silently become another one.
   */
  load(): Promise<IdentityDocument | undefined>;
  /** Resolves once the document will survive a power cut; until then the old one is there, whole. */
  save(document: IdentityDocument): Promise<void>;
}

export const emptyIdentityDocument: IdentityDocument = { version: 1 };

/** Reads a stored document; throws `identity_corrupt`, whose message never shows the content. */
export function parseIdentityDocument(text: string, place: string): IdentityDocument {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw corruptIdentity(place, "it is not JSON");
  }
  const result = identityDocument.safeParse(value);
  if (result.success) return result.data;
  const first = result.error.issues[0];
  throw corruptIdentity(place, `${first?.path.join(".") ?? ""}: ${first?.message ?? "not valid"}`);
}

function corruptIdentity(place: string, reason: string): AppError {
  return new AppError({
    code: "identity_corrupt",
    status: 500,
    message: `The identity in ${place} can't be read (${reason}). Restore it from a backup, or remove it and start with a new provisioning token to enrol this device anew.`,
  });
}

/** Lives as long as the process. */
export function createMemoryIdentityStore(initial?: IdentityDocument): IdentityStore {
  let document = initial;
  return {
    place: "memory",
    load: async () => document,
    async save(next) {
      document = next;
    },
  };
}
