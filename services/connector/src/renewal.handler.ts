import type { DeviceRequest, DeviceResponse } from "@rciots/protocol";
import { AppError, createSemaphore, type CertificateRenewer } from "@rciots/runtime";
import type { Session } from "./session.ts";
import type { ConnectorSettings } from "./settings.ts";
import { fullBucket, takeToken, type TokenBucket } from "./token-bucket.ts";

export type RenewalHandler = (
  session: Session,
  request: DeviceRequest<"certificate:renew">,
) => Promise<DeviceResponse<"certificate:renew">>;

const maxRemembered = 20_000;
const hourMs = 3_600_000;

/** Passes CSRs on to enrolment: few at a time, and few of each device, whichever session it asks in. */
export function createRenewalHandler(options: {
  renewer: CertificateRenewer;
  settings: ConnectorSettings;
  now: () => number;
}): RenewalHandler {
  const { renewer, settings, now } = options;
  const slots = createSemaphore(settings.maxRenewals);
  const rate = { burst: settings.renewalBurst, refillPerMs: settings.renewalsPerHour / hourMs };
  const buckets = new Map<string, TokenBucket>();

  function bucketOf(deviceId: string): TokenBucket {
    const bucket = buckets.get(deviceId) ?? fullBucket(rate.burst, now());
    // Put in anew, it is the youngest; the oldest has long been full again.
    buckets.delete(deviceId);
    buckets.set(deviceId, bucket);
    const oldest = buckets.keys().next();
    if (buckets.size > maxRemembered && oldest.done !== true) buckets.delete(oldest.value);
    return bucket;
  }

  return async ({ identity: { organizationId, deviceId } }, { csr }) => {
    if (!takeToken(bucketOf(deviceId), rate, now())) {
      throw new AppError({
        code: "rate_limited",
        status: 429,
        message: "This device asks for certificates too often.",
        details: { retryAfterMs: Math.ceil(hourMs / settings.renewalsPerHour) },
      });
    }
    const renewed = await slots.run(() => renewer.renew({ organizationId, deviceId, csr }));
    return {
      certificateChain: renewed.certificateChain,
      caCertificates: renewed.caCertificates,
      notAfter: renewed.notAfter.toISOString(),
    };
  };
}
