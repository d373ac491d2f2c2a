import type { SessionEnd } from "./session-fault.ts";

/** What the agent does after a session ended, or could not begin. */
export type NextStep =
  /** The same again after a pause. */
  | { kind: "reconnect"; pauseMs: number }
  /** A new certificate by the device token, after a pause. */
  | { kind: "recover"; pauseMs: number }
  /** A new identity, where there is a provisioning token. */
  | { kind: "enroll"; pauseMs: number }
  | { kind: "decommission" };

type Rule = {
  step: "reconnect" | "recover" | "enroll";
  /** `backoff`: it may pass in seconds. `click`: an operator's word in the console ends it. `slow`: more has to happen. */
  pace: "backoff" | "click" | "slow";
  /** What the log says, where the platform's own words do not tell what to do. */
  advice?: string;
};

const passing: Rule = { step: "reconnect", pace: "backoff" };
const slow: Rule = { step: "reconnect", pace: "slow" };
const newCertificate: Rule = { step: "recover", pace: "backoff" };

/** By the code of the end; whatever is not here passes by itself. */
const rules = new Map<string, Rule>(
  Object.entries({
    certificate_expired: newCertificate,
    certificate_revoked: newCertificate,
    certificate_invalid: newCertificate,
    certificate_wrong_device: newCertificate,
    certificate_wrong_organization: newCertificate,
    platform_untrusted: newCertificate,
    certificate_required: {
      step: "recover",
      pace: "backoff",
      advice:
        "The platform saw no certificate of this device: something in between may end TLS. Its connection must be passed through.",
    },
    device_token_invalid: {
      step: "enroll",
      pace: "slow",
      advice: "The platform no longer takes this device's token.",
    },
    device_not_found: { step: "enroll", pace: "slow", advice: "The platform does not know this device." },
    device_pending: {
      step: "reconnect",
      pace: "click",
      advice: "The device waits for an operator's approval.",
    },
    device_denied: { step: "reconnect", pace: "click", advice: "An operator denied this device." },
    device_disabled: { step: "reconnect", pace: "click", advice: "An operator disabled this device." },
    organization_suspended: {
      step: "reconnect",
      pace: "click",
      advice: "The device's organisation is suspended.",
    },
    version_unsupported: {
      step: "reconnect",
      pace: "slow",
      advice: "This agent and the platform share no protocol version: update the agent.",
    },
    superseded: {
      step: "reconnect",
      pace: "slow",
      advice:
        "Another agent uses this device's identity. Stop one of them: an identity must not be copied to a second device.",
    },
    abuse: slow,
    // Of an enrolment anew, of a device that had an identity before.
    token_not_found: slow,
    token_disabled: slow,
    token_expired: slow,
    token_exhausted: slow,
    device_name_taken: slow,
  }),
);

/** Mean pauses: whoever enables a device again looks for it within a minute. */
const pauseMs = { click: 30_000, slow: 300_000 };

export const adviceFor = (code: string): string | undefined => rules.get(code)?.advice;
/** The end lasts until somebody acts, and is worth a line that stands out. */
export const isLasting = (code: string): boolean => (rules.get(code)?.pace ?? "backoff") !== "backoff";

/**
 * Decides by the code of `end`. A time the platform named is kept, with up to a quarter of it added, so that
 * those who were told the same time do not come back together. `random` is 0 to 1.
 */
export function nextStep(
  end: SessionEnd,
  { backoffMs, canEnroll, random }: { backoffMs: () => number; canEnroll: boolean; random: () => number },
): NextStep {
  if (end.code === "device_decommissioned") return { kind: "decommission" };
  const rule = rules.get(end.code) ?? passing;
  const step = rule.step === "enroll" && !canEnroll ? "reconnect" : rule.step;
  return { kind: step, pauseMs: pause() };

  function pause(): number {
    // Taken also where it is not used, so that a step that fails again and again comes slower.
    const ownMs = backoffMs();
    if (end.retryAfterMs !== undefined) return Math.round(end.retryAfterMs * (1 + random() / 4));
    if (rule.pace !== "backoff" && step === "reconnect")
      return Math.round(pauseMs[rule.pace] * (0.5 + random()));
    return ownMs;
  }
}
