import { createHash, randomBytes } from "node:crypto";
import { Secret, TOTP } from "otpauth";

/*
 * Time-based codes as authenticator apps make them (RFC 6238): SHA-1, six digits, 30 seconds. Other values are
 * ignored by too many apps.
 */
const periodS = 30;
/** Steps before and after the current one whose code is good too: clocks differ, and people type slowly. */
const driftSteps = 1;
const secretBytes = 20;
const issuer = "RCIoTS";

const recoveryCodeCount = 10;
/** 80 bits in base32: enough that a plain hash can't be searched for them. */
const recoveryCodeBytes = 10;

export const newTotpSecret = (): Uint8Array => randomBytes(secretBytes);

function totpOf(secret: Uint8Array, label = ""): TOTP {
  const buffer = Uint8Array.from(secret).buffer;
  return new TOTP({ issuer, label, secret: new Secret({ buffer }), period: periodS });
}

/** What an app is told: as text to type, and as the `otpauth://` address that is shown as a QR code. */
export function describeTotp(secret: Uint8Array, label: string): { secret: string; uri: string } {
  const totp = totpOf(secret, label);
  return { secret: totp.secret.base32, uri: totp.toString() };
}

/** The time step that the code belongs to; undefined where it is wrong. */
export function totpStep(secret: Uint8Array, code: string, nowMs = Date.now()): number | undefined {
  const delta = totpOf(secret).validate({ token: code, timestamp: nowMs, window: driftSteps });
  return delta === null ? undefined : Math.floor(nowMs / 1_000 / periodS) + delta;
}

/** People type spaces and capitals. */
export const normalCode = (typed: string): string => typed.replace(/[\s-]/g, "").toLowerCase();

export const isTotpCode = (code: string): boolean => /^\d{6}$/.test(code);

/** Codes for the day the phone is gone, such as `k3vq-7m2a-xw5d-e4hp`. */
export function newRecoveryCodes(): string[] {
  return Array.from({ length: recoveryCodeCount }, () => {
    const buffer = Uint8Array.from(randomBytes(recoveryCodeBytes)).buffer;
    const letters = new Secret({ buffer }).base32.toLowerCase();
    return letters.match(/.{4}/g)?.join("-") ?? letters;
  });
}

/** Bound to the user, so that equal hashes say nothing. */
export function hashRecoveryCode(userId: string, code: string): string {
  return createHash("sha256")
    .update(`recovery:${userId}:${normalCode(code)}`)
    .digest("hex");
}
