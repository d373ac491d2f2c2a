import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import {
  createDesiredState,
  createOrganizationVault,
  type DesiredStateService,
  type OrganizationVault,
} from "@rciots/desired-state";
import { openBundle, type Kustomize, type KubernetesObject } from "@rciots/manifests";
import type { DesiredState } from "@rciots/protocol";
import { createVault, parseMasterKey, silentLogger } from "@rciots/runtime";
import { createStore, type Device, type Organization, type Store, type Template } from "@rciots/store";
import { device, organization, template, templateVersion } from "../../packages/store/test/documents.ts";
import { startEmbeddedDatabase, type TestDatabase } from "../harness/database.ts";

/** A store with organisations, templates and devices, made without a service. */
export interface World {
  readonly store: Store;
  readonly database: TestDatabase;
  readonly secretVault: OrganizationVault;
  /** As after a restart, or another replica: nothing is cached. */
  service(kustomize?: Kustomize | null): DesiredStateService;
  addOrganization(): Promise<Organization>;
  /** A template with one version of these rendered objects. */
  addTemplate(organizationId: string, objects: object[], change?: Partial<Template>): Promise<Template>;
  /** A further version, which becomes the current one. */
  addVersion(of: Template, number: number, objects: object[]): Promise<string>;
  addDevice(organizationId: string, change?: Partial<Device>): Promise<Device>;
  putSecret(organizationId: string, name: string, value: string): Promise<void>;
  read(deviceId: string): Promise<Device>;
  /** Changes a device as an operator does. */
  change(deviceId: string, change: Parameters<Store["devices"]["update"]>[3]): Promise<Device>;
  stop(): Promise<void>;
}

export const follow = (...templates: Template[]): Device["assignments"] =>
  templates.map(({ _id: templateId }) => ({ templateId, pinnedVersionId: null }));

export const configMap = (name: string, data: Record<string, string>): object => ({
  apiVersion: "v1",
  data,
  kind: "ConfigMap",
  metadata: { name, namespace: "default" },
});

export async function createWorld(): Promise<World> {
  const database = await startEmbeddedDatabase();
  const store = await createStore({ uri: database.uri });
  const vault = createVault({ masterKeys: [parseMasterKey(randomBytes(32))] });
  const secretVault = createOrganizationVault({ store, vault });

  async function read(deviceId: string): Promise<Device> {
    const found = await store.content.deviceById(deviceId);
    assert.ok(found);
    return found;
  }

  async function addVersion(of: Template, number: number, objects: object[]): Promise<string> {
    const ndjson = objects.map((object) => `${JSON.stringify(object)}\n`).join("");
    const renderedBlobId = await store.blobs.put(of.organizationId, Buffer.from(ndjson));
    const version = templateVersion(of, number, { renderedBlobId });
    await store.templates.insertVersion(version);
    await store.templates.setCurrentVersion(of.organizationId, of._id, version._id);
    return version._id;
  }

  return {
    store,
    database,
    secretVault,
    read,
    addVersion,
    service: (kustomize = null) =>
      createDesiredState({ store, secretVault, kustomize, logger: silentLogger }),
    async addOrganization() {
      const added = organization();
      const tenant = { ...added, dataKey: vault.wrapDataKey(vault.createDataKey(), added._id) };
      await store.organizations.insert(tenant);
      return tenant;
    },
    async addTemplate(organizationId, objects, change = {}) {
      const added = template(organizationId, change);
      await store.templates.insert(added);
      await addVersion(added, 1, objects);
      return added;
    },
    async addDevice(organizationId, change = {}) {
      const added = device(organizationId, change);
      assert.deepEqual(await store.deviceEnrollment.insertMany([added]), ["inserted"]);
      return added;
    },
    async putSecret(organizationId, name, value) {
      await store.secrets.put(
        organizationId,
        name,
        await secretVault.sealSecret(organizationId, name, value),
      );
    },
    async change(deviceId, change) {
      const before = await read(deviceId);
      const after = await store.devices.update(before.organizationId, deviceId, before.version, change);
      assert.ok(after);
      return after;
    },
    async stop() {
      await store.close();
      await database.stop();
    },
  };
}

/** Lets devices advance as they are stored now, and returns what one is told. */
export async function advanceOne(
  world: World,
  service: DesiredStateService,
  deviceId: string,
): Promise<DesiredState> {
  const state = (await service.advance([await world.read(deviceId)])).get(deviceId);
  assert.ok(state);
  return state;
}

/** The objects of a bundle that a device is told of, read and checked as the device does. */
export async function objectsOf(
  service: DesiredStateService,
  deviceId: string,
  state: DesiredState,
): Promise<KubernetesObject[]> {
  assert.equal(state.kind, "bundle");
  if (state.kind !== "bundle") return [];
  const encoded = await service.readBundle(deviceId, state.encodedDigest);
  assert.ok(encoded, "the bundle can be read");
  const { digest, encodedDigest, objectCount } = state;
  const expected = { digest, encodedDigest, objectCount, sizeBytes: state.decodedBytes };
  return (await openBundle(encoded, { expected })).documents;
}
