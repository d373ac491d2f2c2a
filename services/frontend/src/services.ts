import type { Loop } from "@rciots/runtime";
import type { ConnectionLog } from "@rciots/store";
import { createTunnelPorts } from "@rciots/tunnels";
import { createAccountRoutes } from "./accounts/account-routes.ts";
import { createAccountsService } from "./accounts/accounts.service.ts";
import { createBackground } from "./accounts/background.ts";
import { allowListRoutes } from "./allow-list/allow-lists.routes.ts";
import { createAllowListsService } from "./allow-list/allow-lists.service.ts";
import { apiTokenRoutes } from "./api-tokens/api-tokens.routes.ts";
import { createApiTokensService } from "./api-tokens/api-tokens.service.ts";
import { createAudit } from "./audit/audit.ts";
import type { Identify } from "./auth/identify.ts";
import { createLoginGuard } from "./auth/login-guard.ts";
import { createPasswords } from "./auth/password.ts";
import { kubeconfigRoutes } from "./cluster-api/kubeconfig.routes.ts";
import { connectRoutes } from "./connect/connect.routes.ts";
import { createConnectService } from "./connect/connect.service.ts";
import { createCommandDispatcher } from "./commands/command-dispatcher.ts";
import { commandRunRoutes } from "./commands/command-runs.routes.ts";
import { createCommandRunsService } from "./commands/command-runs.service.ts";
import { commandSwitchRoutes, createCommandSwitches } from "./commands/command-switches.ts";
import { scriptRoutes } from "./commands/scripts.routes.ts";
import { createScriptsService } from "./commands/scripts.service.ts";
import { bulkRoutes } from "./devices/bulk.routes.ts";
import { createBulkService } from "./devices/bulk.service.ts";
import { deviceContentRoutes } from "./devices/device-content.routes.ts";
import { createDeviceContentService } from "./devices/device-content.service.ts";
import { createDeviceDirectory } from "./devices/device-directory.ts";
import { createDeviceCalls } from "./devices/device-calls.ts";
import { deviceDiffRoutes } from "./devices/device-diff.routes.ts";
import { createDeviceDiffService } from "./devices/device-diff.service.ts";
import { deviceRoutes } from "./devices/devices.routes.ts";
import { createDevicesService } from "./devices/devices.service.ts";
import { createOverlayRendererLoop } from "./devices/overlay-renderer.ts";
import { createExclusive } from "./exclusive.ts";
import { eventRoutes } from "./events/events.ts";
import type { FrontendOptions } from "./frontend.ts";
import { gitCredentialRoutes } from "./git-credentials/git-credentials.routes.ts";
import { createGitCredentialsService } from "./git-credentials/git-credentials.service.ts";
import type { Route } from "./http/route.ts";
import type { ProxySite } from "./http-proxy/proxy-site.ts";
import { createAcceptanceService } from "./invitations/acceptance.service.ts";
import { invitationRoutes } from "./invitations/invitations.routes.ts";
import { createInvitationsService } from "./invitations/invitations.service.ts";
import { memberRoutes } from "./members/members.routes.ts";
import { createMembersService } from "./members/members.service.ts";
import { organizationRoutes } from "./organization/organization.routes.ts";
import { createOrganizationService } from "./organization/organization.service.ts";
import { createFleetHistoryLoop } from "./overview/fleet-history.ts";
import { overviewRoutes } from "./overview/overview.routes.ts";
import { createOverviewService } from "./overview/overview.service.ts";
import { platformOrganizationRoutes } from "./platform/platform-organizations.routes.ts";
import { platformUserRoutes } from "./platform/platform-users.routes.ts";
import { createPlatformUsersService } from "./platform/platform-users.service.ts";
import { provisioningTokenRoutes } from "./provisioning-tokens/provisioning-tokens.routes.ts";
import { createProvisioningTokensService } from "./provisioning-tokens/provisioning-tokens.service.ts";
import { podLogsRoutes } from "./pod-logs/pod-logs.routes.ts";
import { createPodLogsService } from "./pod-logs/pod-logs.service.ts";
import { remoteAccessRoutes } from "./remote-access/remote-access.routes.ts";
import { createRemoteAccessService } from "./remote-access/remote-access.service.ts";
import { rportRoutes } from "./rport/rport.routes.ts";
import { createRportService } from "./rport/rport.service.ts";
import { secretRoutes } from "./secrets/secrets.routes.ts";
import { createSecretsService } from "./secrets/secrets.service.ts";
import { createGitSyncService } from "./templates/git-sync.service.ts";
import { templateContentRoutes } from "./templates/template-content.routes.ts";
import { createTemplateContentService } from "./templates/template-content.service.ts";
import { createTemplateVersions } from "./templates/template-versions.ts";
import { templateRoutes } from "./templates/templates.routes.ts";
import { createTemplatesService } from "./templates/templates.service.ts";
import { terminalRoutes } from "./terminal/terminal.routes.ts";
import { createTerminalService } from "./terminal/terminal.service.ts";
import { askedIntervalMs, createAskedTunnelsService } from "./tunnels/asked-tunnels.service.ts";
import { tunnelRoutes } from "./tunnels/tunnels.routes.ts";
import { createTunnelsService } from "./tunnels/tunnels.service.ts";
import { webTunnelRoutes } from "./web-tunnels/web-tunnels.routes.ts";
import { createWebTunnelsService, expiryIntervalMs } from "./web-tunnels/web-tunnels.service.ts";

const defaultSessionMs = 12 * 3_600_000;
const defaultGitTickMs = 5_000;
const defaultOverlayIntervalMs = 15_000;
const defaultHistorySampleMs = 300_000;

export interface Services {
  routes: Route[];
  /** Resolves once what answers didn't wait for, such as mail, has ended. */
  settled: () => Promise<void>;
  loops: { name: string; loop: Loop; intervalMs: number }[];
}

/** Puts the features together; each gets no more of the options than it needs. */
export function createServices(
  options: FrontendOptions & {
    chartVersion: string;
    agentVersion: string;
    identify: Identify;
    site: ProxySite | undefined;
    connections: ConnectionLog;
  },
): Services {
  const {
    store,
    bus,
    logger,
    vault,
    secretVault,
    desiredState,
    deviceStreams,
    git,
    publicUrls,
    caFingerprint,
    chartVersion,
    agentVersion,
  } = options;
  const overlayIntervalMs = options.overlayIntervalMs ?? defaultOverlayIntervalMs;
  const gitTickMs = options.gitTickMs ?? defaultGitTickMs;
  const sessionMs = options.sessionMs ?? defaultSessionMs;

  const audit = createAudit({ store, bus });
  const passwords = createPasswords();
  const guard = createLoginGuard(options.loginLimits, options.tryLimits);
  const background = createBackground({ logger });
  const apiTokens = createApiTokensService({ store, audit, bus });
  const accounts = createAccountsService({ store, passwords });
  const accountRoutes = createAccountRoutes({
    store,
    vault,
    audit,
    bus,
    passwords,
    accounts,
    background,
    mailer: options.mailer,
    consoleUrl: publicUrls.console,
    isSignUpOpen: options.signUp === "open",
    sessionMs,
    guard,
    accountLimits: options.accountLimits,
    tryLimits: options.tryLimits,
  });
  const exclusively = createExclusive({ store });
  const members = createMembersService({ store, accounts, audit, bus, exclusively });
  const invitations = createInvitationsService({
    store,
    audit,
    exclusively,
    mailer: options.mailer,
    consoleUrl: publicUrls.console,
  });
  const acceptance = createAcceptanceService({ store, accounts, members, passwords, guard, audit });
  const signUp = options.signUp ?? "closed";
  const organizations = createOrganizationService({ store, vault, audit, bus, members, signUp });
  const allowLists = createAllowListsService({ store, audit, bus });
  const users = createPlatformUsersService({ store, audit, bus, exclusively });
  const provisioningTokens = createProvisioningTokensService({ store, audit });

  const overlayLoop = createOverlayRendererLoop({
    store,
    desiredState,
    bus,
    logger,
    intervalMs: overlayIntervalMs,
  });
  const renderOverlays = (): void => overlayLoop.nudge();
  const directory = createDeviceDirectory({ store, bus, logger });
  const devices = createDevicesService({ store, directory, audit, bus });
  const content = createDeviceContentService({
    store,
    devices,
    desiredState,
    onOverlayChanged: renderOverlays,
  });

  const bulk = createBulkService({ store, directory, devices, content });
  const overview = createOverviewService({ store, directory });
  const history = createFleetHistoryLoop({
    store,
    logger,
    sampleMs: options.historySampleMs ?? defaultHistorySampleMs,
  });
  const calls = createDeviceCalls({ store, bus });
  const diffs = createDeviceDiffService({ store, devices, calls, desiredState, audit });

  const dispatcher = createCommandDispatcher({
    store,
    calls,
    secretVault,
    bus,
    logger,
    intervalMs: options.commandIntervalMs,
  });
  const scripts = createScriptsService({ store, audit });
  const switches = createCommandSwitches({ store, devices, audit });
  const runs = createCommandRunsService({
    store,
    directory,
    scripts,
    switches,
    secretVault,
    audit,
    bus,
    nudge: dispatcher.nudge,
  });

  const gitCredentials = createGitCredentialsService({ store, secretVault, audit });
  const versions = createTemplateVersions({ store, desiredState, bus, onTemplateChanged: renderOverlays });
  const gitSync = createGitSyncService({
    store,
    git,
    credentials: gitCredentials,
    versions,
    bus,
    logger,
    tickMs: gitTickMs,
  });
  const templates = createTemplatesService({ store, versions, gitSync, desiredState, audit });
  const templateContent = createTemplateContentService({ store, gitSync, desiredState });
  const secrets = createSecretsService({ store, secretVault, audit, bus });

  const tunnelPorts = createTunnelPorts({ store, bus, ports: options.tunnelPorts });
  const askedTunnels = createAskedTunnelsService({ store, bus, ports: tunnelPorts, logger });
  const remoteAccess = createRemoteAccessService({ store, audit, bus, askedTunnels });
  const { identify, site, connections } = options;
  const connects = createConnectService({ store, deviceStreams, audit, connections, logger });
  const tunnels = createTunnelsService({ store, bus, audit, ports: tunnelPorts });
  const webTunnels = createWebTunnelsService({ store, identify, bus, audit, logger, site });
  const { tunnelHost = "0.0.0.0" } = options;
  const rport = createRportService({ store, devices, tunnels, tunnelHost });

  return {
    settled: background.settled,
    routes: [
      ...accountRoutes,
      ...apiTokenRoutes({ apiTokens }),
      ...organizationRoutes({ organizations, members }),
      ...allowListRoutes({ allowLists }),
      ...memberRoutes({ members }),
      ...invitationRoutes({ invitations, acceptance }),
      ...provisioningTokenRoutes({
        provisioningTokens,
        publicUrls,
        caFingerprint,
        chartVersion,
        agentVersion,
      }),
      ...bulkRoutes({ bulk }),
      ...deviceRoutes({ devices, store }),
      ...deviceContentRoutes({ content }),
      ...deviceDiffRoutes({ diffs }),
      ...tunnelRoutes({ tunnels }),
      ...remoteAccessRoutes({ remoteAccess }),
      ...terminalRoutes({ terminals: createTerminalService({ store, deviceStreams, audit }) }),
      ...podLogsRoutes({ podLogs: createPodLogsService({ store, calls, deviceStreams }) }),
      ...kubeconfigRoutes({ devices, consoleUrl: publicUrls.console }),
      ...webTunnelRoutes({ webTunnels }),
      ...connectRoutes({ connects }),
      ...commandRunRoutes({ runs, store }),
      ...commandSwitchRoutes({ switches }),
      ...scriptRoutes({ scripts }),
      ...rportRoutes({ rport }),
      ...templateRoutes({ templates }),
      ...templateContentRoutes({ templates, content: templateContent }),
      ...gitCredentialRoutes({ gitCredentials }),
      ...secretRoutes({ secrets }),
      ...overviewRoutes({ overview }),
      ...eventRoutes({ store, audit }),
      ...platformOrganizationRoutes({ organizations, allowLists }),
      ...platformUserRoutes({ users }),
    ],
    loops: [
      { name: "Git templates", loop: gitSync.loop, intervalMs: gitTickMs },
      { name: "the device directory", loop: directory.loop, intervalMs: directory.loopIntervalMs },
      { name: "the fleet's history", ...history },
      { name: "commands", loop: dispatcher.loop, intervalMs: dispatcher.intervalMs },
      { name: "tunnels of devices", loop: askedTunnels.loop, intervalMs: askedIntervalMs },
      { name: "web tunnels", loop: webTunnels.loop, intervalMs: expiryIntervalMs },
      { name: "device overlays", loop: overlayLoop, intervalMs: overlayIntervalMs },
    ],
  };
}
