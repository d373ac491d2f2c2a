import { createPrivateKey, randomBytes, X509Certificate } from "node:crypto";
import {
  callEnroll,
  createCertificateRequest,
  createDeviceKey,
  createPlatformClient,
  createPlatformClock,
  parseFingerprint,
} from "@rciots/agent";
import type { IdentityAnswer } from "@rciots/protocol";
import { certificateFingerprint, verifyDeviceChain } from "@rciots/runtime";
import { createApi, type Api } from "./api.ts";

export interface CheckOptions {
  /** Of the console and its API. */
  apiUrl: string;
  enrollUrl: string;
  /** Whose certificate enrolment shows: the platform's own CA's, or a public one's. */
  trust: "platform" | "system";
  username: string;
  adminPassword?: string | undefined;
  apiToken?: string | undefined;
  signal: AbortSignal;
  say: (message: string) => void;
}

interface CreatedToken {
  id: string;
  token: string;
  install: { caFingerprint: string };
}

const tokenLifetimeMs = 600_000;

/**
 * Goes the way of a new device, once: a provisioning token, a key, a request, a certificate, which is checked. Leaves nothing
 * behind, also where it fails. Rejects with one sentence.
 */
export async function checkEnrolment(options: CheckOptions): Promise<void> {
  const { say, signal } = options;
  const api = await signIn(options);
  const name = `check-${randomBytes(5).toString("hex")}`;
  const token = await api.call<CreatedToken>("POST", "/provisioning-tokens", {
    name,
    approval: "automatic",
    maxDevices: 1,
    expiresAt: new Date(Date.now() + tokenLifetimeMs).toISOString(),
    labels: { check: "true" },
  });
  say("a provisioning token was created");
  let deviceId: string | undefined;
  try {
    const privateKey = await createDeviceKey();
    const identity = await enrol({ options, token, name, privateKey, signal });
    deviceId = identity.deviceId;
    say(`the device ${name} enrolled as ${deviceId}`);
    checkCertificate(identity, privateKey, token.install.caFingerprint);
    say(`its certificate is in order, until ${identity.notAfter}`);
    const device = await api.call<{ name: string; status: string }>("GET", `/devices/${deviceId}`);
    if (device.name !== name) throw new Error(`The API shows the device as ${device.name}, not ${name}.`);
  } finally {
    await cleanUp(api, token.id, deviceId);
  }
  say("the device and its token are removed again");
}

async function signIn(options: CheckOptions): Promise<Api> {
  const { apiUrl, signal, apiToken, username, adminPassword, say } = options;
  if (apiToken !== undefined) return createApi({ apiUrl, signal, token: apiToken });
  const guest = createApi({ apiUrl, signal });
  const session = await guest.call<{ token: string }>("POST", "/login", {
    username,
    password: adminPassword,
  });
  say(`signed in as ${username}`);
  return createApi({ apiUrl, signal, token: session.token });
}

async function enrol(given: {
  options: CheckOptions;
  token: CreatedToken;
  name: string;
  privateKey: string;
  signal: AbortSignal;
}): Promise<IdentityAnswer> {
  const { options, token, name, privateKey, signal } = given;
  const sha256 = parseFingerprint(token.install.caFingerprint);
  const client = createPlatformClient({
    platformUrl: options.enrollUrl,
    trust: options.trust === "system" ? { kind: "system" } : { kind: "fingerprint", sha256 },
    clock: createPlatformClock(),
  });
  const csr = createCertificateRequest({ privateKey, name });
  const answer = await callEnroll(client, { token: token.token, body: { name, csr }, signal });
  if (answer.status === "pending")
    throw new Error(`The device ${name} waits for approval, which its token gives by itself.`);
  return answer;
}

/** @throws Error or AppError with one sentence */
function checkCertificate(identity: IdentityAnswer, privateKey: string, caFingerprint: string): void {
  const [leaf, ...intermediates] = certificatesOf(identity.certificateChain);
  const root = certificatesOf(identity.caCertificates).find(
    (pem) => parseFingerprint(certificateFingerprint(pem)) === parseFingerprint(caFingerprint),
  );
  if (leaf === undefined || root === undefined)
    throw new Error("The answer has no certificate, or not the root that the API names.");
  const { deviceId, organizationId } = identity;
  verifyDeviceChain({ root, leaf, intermediates, expected: { deviceId, organizationId } });
  const isOurs = new X509Certificate(leaf).checkPrivateKey(createPrivateKey(privateKey));
  if (!isOurs) throw new Error("The certificate is for another key than the one that was sent.");
}

const certificatesOf = (pem: string): string[] =>
  pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];

async function cleanUp(api: Api, tokenId: string, deviceId: string | undefined): Promise<void> {
  await api.call("DELETE", `/provisioning-tokens/${tokenId}`);
  if (deviceId === undefined) return;
  await api.call("POST", `/devices/${deviceId}/decommission`, {});
  await api.call("DELETE", `/devices/${deviceId}`);
}
