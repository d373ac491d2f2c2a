import type { IdentityAnswer, PendingAnswer } from "@rciots/protocol";
import { createBatcher, hashToken, newId, type Bus } from "@rciots/runtime";
import type { Device, InsertOutcome, Store } from "@rciots/store";
import { createHash } from "node:crypto";
import type { Audit } from "../audit.ts";
import type { DeviceTokens } from "../authority/platform-key.ts";
import { busy } from "../refusals.ts";
import { noteOf, type DeviceCertificates } from "./device-certificates.ts";
import { enrolledDevice, mergeLabels } from "./device-document.ts";
import type { Attempt } from "./enrollment-call.ts";
import { identityAnswer, pendingAnswer, type AnswerFacts } from "./identity-answer.ts";
import { staleClaimMs, type ClaimedUse, type TokenClaims } from "./token-claims.ts";

export interface NewDevices {
  /**
   * Stores a new device and counts the use of its token, both or neither. Undefined where the name is taken,
   * perhaps by a repetition of this call that was faster.
   */
  create(attempt: Attempt): Promise<IdentityAnswer | PendingAnswer | undefined>;
}

interface OpenUse extends ClaimedUse {
  key: string;
  claimedAtMs: number;
}

/** The same for each repetition of a call, so that one that was cut off finds its claim again. */
const claimKeyOf = ({ request, key }: Attempt): string =>
  createHash("sha256").update(`${request.name}\n${key.publicKeyHash}`).digest("hex");

export function createNewDevices(options: {
  store: Store;
  bus: Bus;
  audit: Audit;
  claims: TokenClaims;
  certificates: DeviceCertificates;
  deviceTokens: DeviceTokens;
  facts: AnswerFacts;
  now: () => Date;
}): NewDevices {
  const { store, bus, audit, claims, certificates, deviceTokens, facts, now } = options;
  const insertions = createBatcher<Device, InsertOutcome>({
    maxSize: 100,
    run: (added) => store.deviceEnrollment.insertMany(added),
  });

  async function claimUse(attempt: Attempt): Promise<OpenUse> {
    const key = claimKeyOf(attempt);
    const claimedAtMs = now().getTime();
    const deviceId = newId("dev", claimedAtMs);
    const used = await claims.claim(attempt.token._id, { key, deviceId });
    return { ...used, key, claimedAtMs };
  }

  async function prepare(attempt: Attempt, { token, deviceId }: OpenUse) {
    const { request, key } = attempt;
    const identifier = { organizationId: token.organizationId, deviceId };
    const labels = mergeLabels(request, token);
    const deviceToken = deviceTokens(deviceId);
    const isAutomatic = token.approval === "automatic";
    const issued = isAutomatic ? await certificates.issue(identifier, key.publicKey) : undefined;
    const device = enrolledDevice({
      id: deviceId,
      token,
      request,
      labels,
      tokenHash: hashToken(deviceToken),
      publicKeyHash: key.publicKeyHash,
      certificate: issued === undefined ? null : noteOf(issued),
      now: now(),
    });
    return { identifier, deviceToken, issued, device };
  }

  /** Far from the age at which somebody else takes a use back. */
  const isLate = ({ claimedAtMs }: OpenUse): boolean => now().getTime() - claimedAtMs > staleClaimMs / 2;

  /** A use that was taken back while this was under way is counted again, or the device goes. */
  async function confirmUse(use: OpenUse): Promise<void> {
    const { token, deviceId, key } = use;
    if (!isLate(use)) return claims.settleSoon(token._id, key);
    if (await claims.settle(token._id, key)) return;
    try {
      await claims.claim(token._id, { key, deviceId });
      await claims.settle(token._id, key);
    } catch (error) {
      await store.deviceEnrollment.remove(token.organizationId, deviceId);
      throw error;
    }
  }

  function recordEvent({ token, address }: Attempt, device: Device): Promise<void> {
    const isActive = device.status === "active";
    return audit.record({
      organizationId: device.organizationId,
      deviceId: device._id,
      kind: isActive ? "device.enrolled" : "device.pending",
      actor: { kind: "provisioning-token", id: token._id, name: token.name },
      message: `The device ${device.name} ${isActive ? "was enrolled" : "waits for approval"}.`,
      details: device.certificate === null ? {} : { ...device.certificate },
      address,
    });
  }

  /** Its own document is somebody's who repeats this call; any other one has the name. */
  async function isOwn({ deviceId }: OpenUse): Promise<boolean> {
    return (await store.deviceEnrollment.get(deviceId)) !== undefined;
  }

  async function insert(
    attempt: Attempt,
    use: OpenUse,
    prepared: Awaited<ReturnType<typeof prepare>>,
  ): Promise<IdentityAnswer | PendingAnswer | undefined> {
    const { identifier, deviceToken, issued, device } = prepared;
    const { supersedes } = attempt;
    if (supersedes !== undefined) {
      await store.deviceEnrollment.freeName(supersedes.organizationId, supersedes._id, supersedes.name);
    }
    if ((await insertions.add(device)) === "duplicate") {
      if (!(await isOwn(use))) await claims.release(use.token._id, { key: use.key, deviceId: use.deviceId });
      return undefined;
    }
    await confirmUse(use);
    await Promise.all([
      issued === undefined ? undefined : certificates.record(identifier, issued),
      recordEvent(attempt, device),
    ]);
    const { organizationId, deviceId } = identifier;
    bus.publish("device:updated", { organizationId, deviceIds: [deviceId] });
    if (issued === undefined) return pendingAnswer(facts, device._id, deviceToken);
    const { privateKeyPem } = attempt.key;
    return identityAnswer(facts, { device: identifier, deviceToken, issued, privateKeyPem });
  }

  return {
    async create(attempt) {
      const use = await claimUse(attempt);
      let prepared;
      try {
        prepared = await prepare(attempt, use);
        if (isLate(use)) throw busy("The platform was too slow; repeat the call.");
      } catch (error) {
        await claims.release(use.token._id, { key: use.key, deviceId: use.deviceId });
        throw error;
      }
      // From here on a failure leaves the claim open: whether the device was stored is for the next call, or
      // for the recovery of claims, to find out.
      return insert(attempt, use, prepared);
    },
  };
}
