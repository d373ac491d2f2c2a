import { createConnection } from "mongoose";
import { expireEvents } from "./expire-events.ts";
import { createModels } from "./models.ts";
import { createAccountLinkRepository } from "./repositories/account-links.repository.ts";
import { createAccountRepository } from "./repositories/accounts.repository.ts";
import { createAuthorityRepository } from "./repositories/authorities.repository.ts";
import { createBlobRepository } from "./repositories/blobs.repository.ts";
import { createCertificateRepository } from "./repositories/certificates.repository.ts";
import { createCommandReportRepository } from "./repositories/command-reports.repository.ts";
import { createCommandRunRepository } from "./repositories/command-runs.repository.ts";
import { createCommandSwitchRepository } from "./repositories/command-switches.repository.ts";
import { createContentRepository } from "./repositories/content.repository.ts";
import { createDeviceEnrollmentRepository } from "./repositories/device-enrollment.repository.ts";
import { createDeviceRevisionRepository } from "./repositories/device-revisions.repository.ts";
import { createDeviceSessionRepository } from "./repositories/device-sessions.repository.ts";
import { createDeviceRepository } from "./repositories/devices.repository.ts";
import { createEventRepository } from "./repositories/events.repository.ts";
import { createFleetSampleRepository } from "./repositories/fleet-samples.repository.ts";
import { createInvitationRepository } from "./repositories/invitations.repository.ts";
import { createLeaseRepository } from "./repositories/leases.repository.ts";
import { createOrganizationRepository } from "./repositories/organizations.repository.ts";
import { createPlatformValueRepository } from "./repositories/platform-values.repository.ts";
import { createProvisioningTokenRepository } from "./repositories/provisioning-tokens.repository.ts";
import { createScriptRepository } from "./repositories/scripts.repository.ts";
import { createSecondFactorRepository } from "./repositories/second-factors.repository.ts";
import { createSecretRepository } from "./repositories/secrets.repository.ts";
import { createUserDirectoryRepository } from "./repositories/user-directory.repository.ts";
import { createSigningRequestRepository } from "./repositories/signing-requests.repository.ts";
import { createTemplateRepository } from "./repositories/templates.repository.ts";
import { createWebTunnelRepository } from "./repositories/web-tunnels.repository.ts";
import { createTunnelRepository } from "./repositories/tunnels.repository.ts";

const dayMs = 86_400_000;
const defaultEventRetentionMs = 400 * dayMs;
const defaultConnectionRetentionMs = 90 * dayMs;

/** Connects to a MongoDB (or the embedded one), builds the indexes, and offers the repositories. */
export async function createStore(options: {
  uri: string;
  maxPoolSize?: number;
  /** How long events are kept; default 400 days: a year can be looked at as a whole. */
  eventRetentionMs?: number;
  /** How long those are kept that tell of single connections, of which there may be many; default 90 days. */
  connectionRetentionMs?: number;
}) {
  const connection = await createConnection(options.uri, {
    autoIndex: false,
    autoCreate: false,
    maxPoolSize: options.maxPoolSize ?? 20,
    serverSelectionTimeoutMS: 10_000,
  }).asPromise();
  const models = createModels(connection);
  for (const model of Object.values(models)) await model.createIndexes();
  const { eventRetentionMs = defaultEventRetentionMs } = options;
  const { connectionRetentionMs = defaultConnectionRetentionMs } = options;
  await expireEvents(models.events.collection, eventRetentionMs);
  await expireEvents(models.connectionEvents.collection, Math.min(connectionRetentionMs, eventRetentionMs));
  return {
    accountLinks: createAccountLinkRepository(models),
    accounts: createAccountRepository(models),
    authorities: createAuthorityRepository(models),
    blobs: createBlobRepository(models),
    certificates: createCertificateRepository(models),
    commandReports: createCommandReportRepository(models),
    commandRuns: createCommandRunRepository(models),
    commandSwitches: createCommandSwitchRepository(models),
    content: createContentRepository(models),
    deviceEnrollment: createDeviceEnrollmentRepository(models),
    deviceRevisions: createDeviceRevisionRepository(models),
    deviceSessions: createDeviceSessionRepository(models),
    devices: createDeviceRepository(models),
    events: createEventRepository(models),
    fleetSamples: createFleetSampleRepository(models),
    invitations: createInvitationRepository(models),
    leases: createLeaseRepository(models),
    organizations: createOrganizationRepository(models),
    platformValues: createPlatformValueRepository(models),
    provisioningTokens: createProvisioningTokenRepository(models),
    scripts: createScriptRepository(models),
    secondFactors: createSecondFactorRepository(models),
    secrets: createSecretRepository(models),
    signingRequests: createSigningRequestRepository(models),
    templates: createTemplateRepository(models),
    userDirectory: createUserDirectoryRepository(models),
    tunnels: createTunnelRepository(models),
    webTunnels: createWebTunnelRepository(models),
    /** Rejects when the database doesn't answer. */
    async ping(): Promise<void> {
      await connection.db?.command({ ping: 1 });
    },
    async close(): Promise<void> {
      await connection.close();
    },
  };
}
export type Store = Awaited<ReturnType<typeof createStore>>;
