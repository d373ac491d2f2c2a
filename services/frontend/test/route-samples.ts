/* eslint-disable @typescript-eslint/no-unsafe-member-access --
   answers have bodies of every shape; what they must hold is checked by the tests */
import { randomInt } from "node:crypto";
import { hashToken, newId, newToken } from "@rciots/runtime";
import type { Invitation, Store } from "@rciots/store";
import type { ApiFixture } from "./api-fixture.ts";

/** A call that works for whoever may make it. */
export interface Sample {
  /** Values of the path's `{...}`. */
  params?: Record<string, string>;
  query?: Record<string, string>;
  body?: unknown;
  /** Other bodies and queries: every identifier that the route takes must be in one of them. */
  also?: Pick<Sample, "params" | "query" | "body">[];
  headers?: Record<string, string>;
  /** Where something other than the route's success is right, such as a template that isn't from Git. */
  status?: number;
}

export const kustomization = [
  { path: "kustomization.yaml", content: "resources: [config.yaml]\n" },
  {
    path: "config.yaml",
    content: "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\ndata: { greeting: hello }\n",
  },
];

/** Stores an invitation that is good for a minute, and returns its id. */
export async function insertInvitation(
  store: Store,
  organizationId: string,
  fields: Partial<Invitation> = {},
): Promise<string> {
  const _id = newId("inv");
  await store.invitations.insert({
    _id,
    organizationId,
    email: `${_id.toLowerCase()}@example.com`,
    role: "viewer",
    tokenHash: hashToken(newToken("rci")),
    invitedBy: { id: newId("usr"), name: "admin" },
    sentAt: null,
    claimedUntil: null,
    createdAt: new Date(),
    expiresAt: new Date(Date.now() + 60_000),
    ...fields,
  });
  return _id;
}

/** A sample for a call with this bearer value. */
export type MakeSample = (as: string | undefined) => Promise<Sample> | Sample;

/** Makes samples on things that exist in the fixture's organisation, new ones for each call that changes them. */
export function createSamples(api: ApiFixture): Record<string, MakeSample> {
  const { store, organizationId } = api;

  async function create(request: string, body: unknown): Promise<string> {
    const answer = await api.call(request, { as: api.admin, body });
    if (answer.status !== 201) throw new Error(`${request}: ${JSON.stringify(answer.body)}`);
    return answer.body.id as string;
  }
  let templateId: Promise<string> | undefined;
  const template = (): Promise<string> => {
    templateId ??= create("POST /templates", { name: newId("shared"), files: kustomization });
    return templateId;
  };
  const currentVersion = async (id: string): Promise<string> =>
    (await store.templates.find(organizationId, id))?.currentVersionId ?? "";
  const device = async (fields = {}): Promise<string> => (await api.createDevice(fields))._id;
  const overlaid = async (): Promise<string> => {
    const id = await device();
    const answer = await api.call(`PUT /devices/${id}/overlay`, {
      as: api.admin,
      body: { files: kustomization },
    });
    if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
    return id;
  };
  const token = (): Promise<string> => create("POST /provisioning-tokens", { name: newId("token") });
  const credentialBody = { kind: "basic", username: "git", password: "secret" };
  const credential = (): Promise<string> =>
    create("POST /git-credentials", { name: newId("credential"), credential: credentialBody });
  /** Refused where it comes to fetching: a sample must not depend on a repository. */
  const gitSource = async () => ({ url: "ftp://example.com/x", credentialId: await credential() });
  const ofGitTemplate = async () => {
    const id = newId("tpl");
    await store.templates.insert({
      _id: id,
      organizationId,
      name: id,
      description: "",
      source: {
        kind: "git",
        url: "ftp://example.com/x",
        ref: "",
        path: "",
        credentialId: null,
        pollIntervalMs: 0,
      },
      root: "",
      currentVersionId: null,
      versionCount: 0,
      sync: { status: "never", message: null, commit: null, checkedAt: null, nextAt: null },
      createdAt: new Date(),
      updatedAt: new Date(),
      version: 1,
    });
    return { params: { id }, body: { git: await gitSource() } };
  };
  const pinned = async () => {
    const templateId = await template();
    return { templateId, versionId: await currentVersion(templateId) };
  };
  const member = async (): Promise<string> => {
    const bearer = await api.signInAs("viewer");
    return (await store.accounts.findSession(hashToken(bearer)))?.userId ?? "";
  };
  const sessionOf = async (bearer: string): Promise<string> =>
    (await api.call("GET /me/sessions", { as: bearer })).body?.items?.[0]?.id as string;
  const secret = async (): Promise<string> => {
    const name = newId("S");
    await api.call(`PUT /secrets/${name}`, { as: api.admin, body: { value: "value" } });
    return name;
  };
  const apiTokenOf = async (as: string | undefined): Promise<string> => {
    const id = newId("tok");
    const session = as === undefined ? null : await store.accounts.findSession(hashToken(as));
    await store.accounts.insertApiToken({
      _id: id,
      organizationId,
      userId: session?.userId ?? newId("usr"),
      name: "sample",
      hash: hashToken(newToken("rca")),
      scopes: ["read"],
      expiresAt: null,
      lastUsedAt: null,
      createdAt: new Date(),
    });
    return id;
  };
  /** What a call says to be about another organisation, of which the caller is made a viewer. */
  const elsewhere = async (as?: string): Promise<Record<string, string>> => {
    const session = as === undefined ? null : await store.accounts.findSession(hashToken(as));
    const account = session === null ? null : await store.accounts.findUser(session.userId);
    if (account === null) return {};
    const other = await api.createOrganization();
    const joined = [...account.memberships, { organizationId: other, role: "viewer" as const }];
    await store.accounts.replaceMemberships(account._id, account.memberships, joined);
    return { "x-rciots-organization": other };
  };
  /** The token of an invitation to another organisation, for whoever makes the call or for a new address. */
  const invitationToken = async (as?: string): Promise<string> => {
    const token = newToken("rci");
    const session = as === undefined ? null : await store.accounts.findSession(hashToken(as));
    const account = session === null ? null : await store.accounts.findUser(session.userId);
    await insertInvitation(store, await api.createOrganization(), {
      tokenHash: hashToken(token),
      ...(account === null ? {} : { email: account.email }),
    });
    return token;
  };
  const on = async (id: string | Promise<string>, rest: Omit<Sample, "params"> = {}): Promise<Sample> => ({
    params: { id: await id },
    ...rest,
  });

  const webTunnel = async (): Promise<Sample> => {
    const id = await device();
    const body = { target: { host: "127.0.0.1", port: 80 } };
    return { params: { id, webTunnelId: await create(`POST /devices/${id}/web-tunnels`, body) } };
  };
  const tunnel = async (): Promise<Sample> => {
    const id = await device();
    const tunnelId = await create(`POST /devices/${id}/tunnels`, { target: { host: "127.0.0.1", port: 22 } });
    return { params: { id, tunnelId } };
  };

  const uptime = { kind: "argv", argv: ["uptime"] };
  const script = (): Promise<string> => create("POST /scripts", { name: newId("script"), text: "uptime\n" });
  /** Few may be under way at once: each is made anew once all before have finished. */
  const run = async (): Promise<string> => {
    await finishRuns();
    const id = await create("POST /commands", { devices: [await device()], program: uptime });
    await finishRuns();
    return id;
  };
  const finishRuns = async (): Promise<void> => {
    await store.commandSwitches.set(organizationId, organizationId, true);
    for (const { _id, organizationId: owner } of await store.commandRuns.unfinished(1_000))
      if (owner === organizationId)
        await store.commandRuns.update(_id, ["preparing", "running"], { state: "finished", counts: {} });
  };
  /** Under way, with a command that nothing becomes of by itself. */
  const openRun = async () => {
    const made = await run();
    const found = await store.commandRuns.find(organizationId, made);
    const [execution] = await store.commandRuns.listExecutions(organizationId, { runId: made }, { limit: 1 });
    const [id, executionId] = [newId("run"), newId("cex")];
    const nextAt = new Date(Date.now() + 3_600_000);
    if (found === null || execution === undefined) throw new Error("the run is gone");
    await store.commandRuns.addExecutions([
      {
        ...execution,
        _id: executionId,
        runId: id,
        state: "pending",
        finishedAt: null,
        message: null,
        nextAt,
      },
    ]);
    await store.commandRuns.insert({ ...found, _id: id, state: "running", counts: null, finishedAt: null });
    return { id, executionId };
  };

  const onVersion = async (): Promise<Sample> => {
    const id = await template();
    return { params: { id, versionId: await currentVersion(id) } };
  };

  return {
    login: () => ({ body: { username: "nobody", password: "wrong" }, status: 401 }),
    logout: () => ({}),
    getAccount: () => ({}),
    changePassword: () => ({
      body: { currentPassword: "wrong", newPassword: "a password of length" },
      status: 401,
    }),
    updateAccount: () => ({ body: { username: newId("renamed").toLowerCase() } }),
    completeEmailChange: () => ({ body: { token: "unknown" }, status: 404 }),
    listSessions: () => ({}),
    revokeSession: async (as) => ({
      params: { id: as === undefined ? "0".repeat(32) : await sessionOf(as) },
    }),
    revokeOtherSessions: () => ({}),
    getSecondFactor: () => ({}),
    beginSecondFactor: () => ({ body: { password: "wrong" }, status: 401 }),
    confirmSecondFactor: () => ({ body: { code: "123456" }, status: 409 }),
    disableSecondFactor: () => ({ body: { password: "wrong", code: "123456" }, status: 401 }),
    renewRecoveryCodes: () => ({ body: { password: "wrong", code: "123456" }, status: 401 }),
    getSigninOptions: () => ({}),
    signUp: () => {
      const username = newId("m").toLowerCase();
      return { body: { email: `${username}@example.com`, username, password: "a password of length" } };
    },
    resendSignUp: () => ({ body: { email: "nobody@example.com" } }),
    confirmSignUp: () => ({ body: { token: "unknown" }, status: 404 }),
    requestPasswordReset: () => ({ body: { email: "nobody@example.com" }, status: 409 }),
    completePasswordReset: () => ({
      body: { token: "unknown", newPassword: "a password of length" },
      status: 404,
    }),
    createPasswordResetLink: () => on(member()),
    removeSecondFactor: async () => {
      const id = await member();
      await store.secondFactors.begin(id, "sealed");
      const proof = { sealedSecret: "sealed", step: 1, recoveryCodeHashes: [], now: new Date() };
      await store.secondFactors.confirm(id, proof);
      return on(id);
    },
    createApiToken: () => ({ body: { name: "ci", scopes: ["read"] } }),
    listApiTokens: () => ({}),
    revokeApiToken: (as) => on(apiTokenOf(as)),
    getOrganization: () => ({}),
    updateOrganization: () => ({ body: { name: newId("renamed") } }),
    rotateCertificateAuthority: () => ({ status: 409 }),
    getAllowLists: () => ({}),
    replaceAllowLists: () => ({
      body: {
        console: ["127.0.0.0/8", "::1"],
        apiTokens: ["127.0.0.0/8", `10.0.${randomInt(256)}.${randomInt(256)}`],
      },
    }),
    getRemoteAccess: () => ({}),
    replaceRemoteAccess: async () => {
      const organization = await store.organizations.find(organizationId);
      const isNone = (organization?.remoteAccess?.clusterApi.viewer ?? "none") === "none";
      const others = { operator: "view", admin: "edit", owner: "edit" };
      const deviceTunnels = { allowFrom: ["127.0.0.0/8"] };
      const clusterApi = { viewer: isNone ? "view" : "none", ...others };
      return { body: { clusterApi, terminal: null, deviceTunnels } };
    },
    listOrganizations: () => ({}),
    createPlatformOrganization: () => ({ body: { name: newId("organization") } }),
    clearAllowLists: async () => on(await api.createOrganization()),
    listPlatformUsers: () => ({}),
    updatePlatformUser: () => on(member(), { body: { status: "disabled" } }),
    listPlatformEvents: () => ({}),
    exportPlatformEvents: () => ({}),
    exportEvents: async () => ({ query: { deviceId: await device() } }),
    createOrganization: () => ({ body: { name: newId("organization") } }),
    setOrganizationStatus: async () => on(await api.createOrganization(), { body: { status: "suspended" } }),
    leaveOrganization: async (as) => ({ headers: await elsewhere(as) }),
    createInvitation: () => ({ body: { email: `${newId("m")}@example.com`, role: "viewer" } }),
    listInvitations: () => ({}),
    resendInvitation: () => on(insertInvitation(store, organizationId)),
    revokeInvitation: () => on(insertInvitation(store, organizationId)),
    inspectInvitation: async () => ({ body: { token: await invitationToken() } }),
    acceptInvitation: async (as) => ({ body: { token: await invitationToken(as) } }),
    acceptInvitationWithAccount: async () => ({
      body: {
        token: await invitationToken(),
        username: newId("m").toLowerCase(),
        password: "a password of length",
      },
    }),
    listMembers: () => ({}),
    createMember: () => {
      const username = newId("m").toLowerCase();
      return {
        body: {
          username,
          email: `${username}@example.com`,
          password: "a password of length",
          role: "viewer",
        },
      };
    },
    setMemberRole: () => on(member(), { body: { role: "operator" } }),
    removeMember: () => on(member()),
    createProvisioningToken: async () => ({
      body: { name: newId("token") },
      also: [{ body: { name: newId("token"), templateIds: [await template()] } }],
    }),
    listProvisioningTokens: () => ({}),
    getProvisioningToken: () => on(token()),
    listProvisioningTokenDevices: () => on(token()),
    updateProvisioningToken: async () =>
      on(token(), { body: { enabled: false }, also: [{ body: { templateIds: [await template()] } }] }),
    deleteProvisioningToken: () => on(token()),
    listDevices: async () => ({ also: [{ query: { templateId: await template() } }] }),
    summarizeDevices: () => ({}),
    listTunnels: () => ({}),
    listDeviceTunnels: () => on(device()),
    openTunnel: () => on(device(), { body: { target: { host: "127.0.0.1", port: 22 } } }),
    connectDevice: () => on(device()),
    checkTunnelTarget: () => on(device(), { body: { host: "127.0.0.1", port: 22 }, status: 409 }),
    getTunnel: () => tunnel(),
    changeTunnel: async () => ({ ...(await tunnel()), body: { allowFrom: ["10.0.0.0/8"] } }),
    closeTunnel: () => tunnel(),
    startCommand: async () => {
      await finishRuns();
      const templateId = await template();
      await device({ assignments: [{ templateId, pinnedVersionId: null }] });
      return {
        body: { devices: [await device()], program: uptime },
        also: [
          { body: { devices: [await device()], scriptId: await script() } },
          { body: { selector: { templateId }, program: uptime } },
        ],
      };
    },
    listCommandRuns: async () => ({ also: [{ query: { createdBy: await member() } }] }),
    getCommandRun: () => on(run()),
    cancelCommandRun: async () => on((await openRun()).id),
    repeatCommandRun: () => on(run()),
    listCommandExecutions: () => on(run()),
    listDeviceCommands: () => on(device()),
    getCommandExecution: async () => on((await openRun()).executionId),
    readCommandOutput: async () => on((await openRun()).executionId),
    cancelCommandExecution: async () => on((await openRun()).executionId),
    getCommandSettings: () => ({}),
    setCommandSettings: async () => {
      await finishRuns();
      return { body: { enabled: false } };
    },
    getDeviceCommandSettings: () => on(device()),
    setDeviceCommandSettings: () => on(device(), { body: { enabled: false } }),
    listScripts: () => ({}),
    createScript: () => ({ body: { name: newId("script"), text: "uptime\n" } }),
    getScript: () => on(script()),
    updateScript: () => on(script(), { body: { description: newId("text") } }),
    deleteScript: () => on(script()),
    listWebTunnels: () => ({}),
    listDeviceWebTunnels: () => on(device()),
    openWebTunnel: () => on(device(), { body: { target: { host: "127.0.0.1", port: 80 } } }),
    getWebTunnel: () => webTunnel(),
    changeWebTunnel: async () => ({ ...(await webTunnel()), body: { name: newId("camera") } }),
    closeWebTunnel: () => webTunnel(),
    openWebAccess: () => ({ body: { label: "nobody", state: "0".repeat(64) }, status: 404 }),
    listRportSessions: () => ({}),
    openRportTunnel: () => on(device(), { query: { remote: "22" } }),
    closeRportTunnel: () => tunnel(),
    getDevice: () => on(device()),
    getKubeconfig: () => on(device()),
    openTerminal: () => on(device(), { status: 403 }),
    listPods: () => on(device(), { status: 409 }),
    readPodLogs: () => on(device(), { query: { namespace: "shop", pod: "web-1" } }),
    listDeviceObjects: () => on(device()),
    listDeviceRevisions: () => on(device()),
    listDeviceEvents: () => on(device()),
    listDeviceCertificates: () => on(device()),
    changeDevices: async () => ({
      body: { ids: [await device()], change: { action: "disable" } },
      also: [
        { body: { selector: { templateId: await template() }, change: { action: "enable" } } },
        {
          body: {
            ids: [await device()],
            change: { action: "assign-templates", templateIds: [await template()] },
          },
        },
      ],
    }),
    getOverview: () => ({}),
    approveDevices: async () => ({ body: { ids: [await device({ status: "pending" })] } }),
    approveDevice: () => on(device({ status: "pending" }), { body: {} }),
    decommissionDevice: () => on(device(), { body: { wipeWorkloads: true } }),
    revokeDeviceCertificates: () => on(device()),
    updateDevice: () => on(device(), { body: { deadlineMs: 60_000 } }),
    deleteDevice: () => on(device({ status: "decommissioned" })),
    denyDevice: () => on(device({ status: "pending" })),
    disableDevice: () => on(device()),
    enableDevice: () => on(device({ status: "disabled" })),
    replaceDeviceLabels: () => on(device(), { body: { site: "berlin" } }),
    patchDeviceLabels: () => on(device(), { body: { site: "berlin", tier: null } }),
    replaceDeviceVariables: () => on(device(), { body: { tag: "1" } }),
    patchDeviceVariables: () => on(device(), { body: { tag: "1" } }),
    getDeviceOverlay: () => on(overlaid()),
    replaceDeviceOverlay: () => on(device(), { body: { files: kustomization } }),
    deleteDeviceOverlay: () => on(overlaid()),
    assignTemplates: async () => on(device(), { body: [await pinned()] }),
    getDeviceRevision: async () => {
      const id = await device({ assignments: [{ templateId: await template(), pinnedVersionId: null }] });
      const found = await store.devices.find(organizationId, id);
      await api.desiredState.advance(found === null ? [] : [found]);
      return { params: { id, revision: "1" } };
    },
    diffDevice: () => on(device(), { body: {}, status: 409 }),
    rollBackDevice: () => on(device(), { body: { revision: 7 }, status: 404 }),
    unpinDevice: () => on(device({ pinnedRevision: 3 })),
    previewDevice: async () => on(device(), { body: {}, also: [{ body: { templates: [await pinned()] } }] }),
    createTemplate: async () => ({
      body: { name: newId("template"), files: kustomization },
      also: [{ body: { name: newId("template"), git: await gitSource() } }],
    }),
    listTemplates: () => ({}),
    countTemplateUsage: async () => ({ query: { templateId: await template() } }),
    renderTemplateDraft: async () => ({
      body: { files: kustomization },
      also: [{ body: { git: await gitSource() } }],
    }),
    listTemplateVersionFiles: onVersion,
    getTemplateVersionFile: async () => ({ ...(await onVersion()), query: { path: "config.yaml" } }),
    getTemplateVersionRendering: onVersion,
    testGitSource: async () => ({
      body: { url: "ftp://example.com/x" },
      status: 422,
      also: [{ body: await gitSource() }],
    }),
    getTemplate: () => on(template()),
    updateTemplate: async () =>
      on(template(), { body: { description: newId("text") }, also: [await ofGitTemplate()] }),
    deleteTemplate: () => on(create("POST /templates", { name: newId("template"), files: kustomization })),
    refreshTemplate: () => on(template(), { status: 409 }),
    setCurrentTemplateVersion: async () => {
      const id = await template();
      return on(id, { body: { versionId: await currentVersion(id) } });
    },
    listTemplateVersions: () => on(template()),
    getTemplateVersion: onVersion,
    createGitCredential: () => ({ body: { name: newId("credential"), credential: credentialBody } }),
    listGitCredentials: () => ({}),
    replaceGitCredential: () => on(credential(), { body: credentialBody }),
    deleteGitCredential: () => on(credential()),
    putSecret: () => ({ params: { name: newId("S") }, body: { value: "value" } }),
    listSecrets: () => ({}),
    getSecret: async () => ({ params: { name: await secret() } }),
    deleteSecret: async () => ({ params: { name: await secret() } }),
    listEvents: async () => ({ also: [{ query: { deviceId: await device() } }] }),
  };
}
