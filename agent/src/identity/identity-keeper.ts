import { X509Certificate } from "node:crypto";
import type { DeviceResponse, EnrollRequest, Facts, IdentityAnswer } from "@rciots/protocol";
import {
  AppError,
  createBackoff,
  errorMessage,
  hashToken,
  isAppError,
  isSameHash,
  sleep,
  type Logger,
} from "@rciots/runtime";
import { createCertificateRequest, createDeviceKey, publicKeyOf } from "./certificate-request.ts";
import {
  emptyIdentityDocument,
  type DeviceIdentity,
  type IdentityDocument,
  type IdentityStore,
} from "./identity.store.ts";
import { callEnroll, callRecover, isPassing } from "./platform-calls.ts";
import type { PlatformClient } from "./platform.client.ts";

export interface IdentityKeeperOptions {
  store: IdentityStore;
  client: PlatformClient;
  /** The device's name at enrolment; the platform may know it under another one later. */
  name: string;
  labels?: Record<string, string> | undefined;
  facts: () => Promise<Facts>;
  /** Secret; needed only where there is no identity yet. */
  provisioningToken?: string | undefined;
  logger: Logger;
  /** Between tries while the platform does not answer. */
  retry?: { minMs: number; maxMs: number };
  random?: () => number;
}

/** Owns the device's identity: the only one to write it, so that memory and store never tell different things. */
export interface IdentityKeeper {
  /** The stored identity, or a new one by enrolment: waits for the network, the platform and an approval. */
  obtain(signal: AbortSignal): Promise<DeviceIdentity>;
  /** Undefined before `obtain`. */
  current(): DeviceIdentity | undefined;
  /** A new certificate by the device token; rejects with the platform's code. One try. */
  recover(signal: AbortSignal): Promise<DeviceIdentity>;
  canEnroll(): boolean;
  /** Gives the identity up and enrols anew, as for a device that the platform no longer knows. */
  enrollAgain(signal: AbortSignal): Promise<DeviceIdentity>;
  /** A new key and certificate through `renew`. The identity in use stays good until the new one is stored. */
  renew(renew: (csr: string) => Promise<DeviceResponse<"certificate:renew">>): Promise<DeviceIdentity>;
  /** Forgets the identity and remembers that this was wanted. */
  forget(): Promise<void>;
}

export function createIdentityKeeper(options: IdentityKeeperOptions): IdentityKeeper {
  const { store, client, name, provisioningToken, logger } = options;
  const retry = options.retry ?? { minMs: 1_000, maxMs: 60_000 };
  let document: IdentityDocument = emptyIdentityDocument;

  async function save(next: IdentityDocument): Promise<void> {
    await store.save(next);
    document = next;
  }

  /** A store that is away for a moment, as an API server that starts, is waited for. */
  async function load(signal: AbortSignal): Promise<DeviceIdentity | undefined> {
    const backoff = createBackoff({ ...retry, ...(options.random ? { random: options.random } : {}) });
    for (;;) {
      try {
        document = (await store.load()) ?? emptyIdentityDocument;
        break;
      } catch (error) {
        if (!isAppError(error) || error.code !== "kube_unreachable" || signal.aborted) throw error;
        logger.warn({ error: error.message }, `can't read ${store.place} yet`);
        await sleep(Math.max(backoff.next(), 100), signal);
      }
    }
    const { identity } = document;
    if (identity !== undefined && identity.platformUrl !== client.url)
      logger.warn(
        { enrolledAt: identity.platformUrl, given: client.url },
        "this device is enrolled with another platform URL; remove its identity to enrol it with a new platform",
      );
    return identity;
  }

  function tokenToEnrollWith(): string {
    const { decommissioned } = document;
    if (provisioningToken === undefined) {
      throw decommissioned === undefined ? missingToken(store.place) : stillDecommissioned(decommissioned);
    }
    const used = decommissioned?.tokenHash;
    if (decommissioned !== undefined && used !== undefined && isSameHash(used, hashToken(provisioningToken)))
      throw stillDecommissioned(decommissioned);
    return provisioningToken;
  }

  /** One call; undefined while the device waits for approval. */
  async function enrollOnce(token: string, signal: AbortSignal): Promise<DeviceIdentity | number> {
    const { pending } = document;
    if (pending === undefined) throw new Error("an enrolment without its key");
    const { privateKey, ...waiting } = pending;
    const body: EnrollRequest = {
      name,
      csr: createCertificateRequest({ privateKey, name }),
      facts: await options.facts(),
      ...(options.labels === undefined ? {} : { labels: options.labels }),
      ...waiting,
    };
    const answer = await callEnroll(client, { token, body, signal });
    if (answer.status === "pending") {
      if (waiting.deviceId !== answer.deviceId)
        logger.info({ deviceId: answer.deviceId }, "waits for an operator's approval in the console");
      const { deviceId, deviceToken } = answer;
      if (deviceId !== waiting.deviceId || deviceToken !== waiting.deviceToken)
        await save({ ...document, pending: { privateKey, deviceId, deviceToken } });
      return Math.max(answer.retryAfterMs, 250);
    }
    return keep(answer, privateKey);
  }

  async function keep(answer: IdentityAnswer, privateKey: string): Promise<DeviceIdentity> {
    const identity = identityOf(answer, privateKey, client.url);
    await save({ version: 1, identity });
    return identity;
  }

  async function enroll(signal: AbortSignal): Promise<DeviceIdentity> {
    const token = tokenToEnrollWith();
    if (document.pending === undefined)
      await save({ ...document, pending: { privateKey: await createDeviceKey() } });
    const backoff = createBackoff({ ...retry, ...(options.random ? { random: options.random } : {}) });
    while (!signal.aborted) {
      try {
        const result = await enrollOnce(token, signal);
        if (typeof result !== "number") {
          logger.info({ deviceId: result.deviceId }, "enrolled");
          return result;
        }
        backoff.reset();
        await sleep(result, signal);
      } catch (error) {
        const pauseMs = await pauseAfter(error, backoff.next());
        await sleep(pauseMs, signal);
      }
    }
    throw new AppError({ code: "stopped", status: 499, message: "The agent is stopping." });
  }

  /** How long to wait before the next try; rethrows what another try can't change. */
  async function pauseAfter(error: unknown, backoffMs: number): Promise<number> {
    if (!isAppError(error)) throw error;
    if (error.code === "device_not_found" && document.pending?.deviceId !== undefined) {
      // The waiting device was deleted: ask again as a new one.
      await save({ ...document, pending: { privateKey: document.pending.privateKey } });
      return backoffMs;
    }
    if (!isPassing(error)) throw error;
    const named = error.details?.["retryAfterMs"];
    const pauseMs = typeof named === "number" ? named + backoffMs : Math.max(backoffMs, 100);
    logger.warn({ code: error.code, error: error.message, retryInMs: pauseMs }, "enrolment did not work yet");
    return pauseMs;
  }

  return {
    current: () => document.identity,
    canEnroll: () => provisioningToken !== undefined,
    obtain: async (signal) => (await load(signal)) ?? enroll(signal),
    async recover(signal) {
      const { deviceId, deviceToken } = identityIn(document);
      const privateKey = await createDeviceKey();
      const csr = createCertificateRequest({ privateKey, name });
      const answer = await callRecover(client, { token: deviceToken, body: { deviceId, csr }, signal });
      return keep(answer, privateKey);
    },
    async enrollAgain(signal) {
      const { privateKey } = identityIn(document);
      await save({ ...document, pending: document.pending ?? { privateKey } });
      return enroll(signal);
    },
    async renew(renew) {
      const before = identityIn(document);
      const privateKey = await createDeviceKey();
      const answer = await renew(createCertificateRequest({ privateKey, name }));
      const identity = {
        ...before,
        privateKey,
        certificateChain: answer.certificateChain,
        caCertificates: answer.caCertificates,
      };
      assertOwnCertificate(identity);
      await save({ version: 1, identity });
      return identity;
    },
    async forget() {
      const deviceId = document.identity?.deviceId ?? "";
      const tokenHash = provisioningToken === undefined ? {} : { tokenHash: hashToken(provisioningToken) };
      await save({ version: 1, decommissioned: { deviceId, at: new Date().toISOString(), ...tokenHash } });
    },
  };
}

function identityIn({ identity }: IdentityDocument): DeviceIdentity {
  if (identity === undefined) throw new Error("there is no identity yet");
  return identity;
}

function identityOf(answer: IdentityAnswer, privateKey: string, platformUrl: string): DeviceIdentity {
  const { deviceId, organizationId, deviceToken, certificateChain, caCertificates, edgeUrl } = answer;
  const identity = {
    deviceId,
    organizationId,
    deviceToken,
    privateKey,
    certificateChain,
    caCertificates,
    edgeUrl,
    platformUrl,
  };
  assertOwnCertificate(identity);
  return identity;
}

/** What the platform sent must be usable before it replaces what is. */
function assertOwnCertificate(identity: DeviceIdentity): void {
  try {
    const certificate = new X509Certificate(identity.certificateChain);
    const isOwnKey = certificate.publicKey
      .export({ type: "spki", format: "der" })
      .equals(publicKeyOf(identity.privateKey));
    if (!isOwnKey) throw new Error("it is for another key");
    const name = `URI:rciots://org/${identity.organizationId}/device/${identity.deviceId}`;
    if (certificate.subjectAltName?.split(", ").includes(name) !== true)
      throw new Error("it names another device");
  } catch (error) {
    throw new AppError({
      code: "certificate_unusable",
      status: 502,
      message: `The platform sent a certificate this device can't use: ${errorMessage(error)}.`,
      cause: error,
    });
  }
}

function missingToken(place: string): AppError {
  return new AppError({
    code: "token_missing",
    status: 400,
    message: `This device is not enrolled yet (nothing in ${place}). Set RCIOTS_TOKEN, or RCIOTS_TOKEN_FILE, to a provisioning token from the console.`,
  });
}

function stillDecommissioned({ deviceId }: { deviceId: string }): AppError {
  return new AppError({
    code: "device_decommissioned",
    status: 403,
    message: `The device ${deviceId} was decommissioned. Start the agent with a new provisioning token to enrol it again.`,
  });
}
