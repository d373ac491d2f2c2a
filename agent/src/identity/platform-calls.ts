import {
  identityAnswer,
  messageField,
  pendingAnswer,
  type EnrollRequest,
  type IdentityAnswer,
  type PendingAnswer,
  type RecoverRequest,
} from "@rciots/protocol";
import { AppError } from "@rciots/runtime";
import { z } from "zod";
import type { PlatformAnswer, PlatformClient } from "./platform.client.ts";

/** What the one who runs the agent can do about a refusal. */
const remedies = new Map(
  Object.entries({
    token_not_found: "Check RCIOTS_TOKEN against the console, or create a new provisioning token there.",
    unauthorized: "RCIOTS_TOKEN does not look like a provisioning token: check that it was copied whole.",
    token_disabled: "Enable the provisioning token in the console, or use another one.",
    token_expired: "Create a new provisioning token in the console.",
    token_exhausted: "Raise the token's device limit in the console, or create a new token.",
    device_name_taken: "Give this device another name with --name, or remove the other one in the console.",
    device_denied: "An operator denied this device in the console.",
    device_decommissioned: "Use a new provisioning token to enrol it again.",
  }),
);

const problem = z.object({ code: z.string().max(64), detail: messageField.optional() });

/** Refusals that pass by themselves. */
export const isPassing = (error: AppError): boolean => error.status >= 500 || error.status === 429;

/**
 * `POST /v1/enroll`. Rejects with an AppError that has the platform's code and status, and `retryAfterMs` among
 * its details where the platform named a time; `platform_unreachable` where there was no answer.
 */
export async function callEnroll(
  client: PlatformClient,
  options: { token: string; body: EnrollRequest; signal: AbortSignal },
): Promise<IdentityAnswer | PendingAnswer> {
  const answer = await client.post("/v1/enroll", options);
  if (answer.status === 201) return parseAnswer(identityAnswer, answer, client.url);
  if (answer.status === 202) return parseAnswer(pendingAnswer, answer, client.url);
  throw refusal(answer, client.url);
}

/** `POST /v1/recover`, with the device token. Rejects as `callEnroll` does. */
export async function callRecover(
  client: PlatformClient,
  options: { token: string; body: RecoverRequest; signal: AbortSignal },
): Promise<IdentityAnswer> {
  const answer = await client.post("/v1/recover", options);
  if (answer.status === 201) return parseAnswer(identityAnswer, answer, client.url);
  throw refusal(answer, client.url);
}

function parseAnswer<Schema extends z.ZodType>(
  schema: Schema,
  answer: PlatformAnswer,
  url: string,
): z.output<Schema> {
  const result = schema.safeParse(answer.body);
  if (result.success) return result.data;
  throw new AppError({
    code: "not_the_platform",
    status: 502,
    message: `${url} answered in a form this agent does not know (${result.error.issues[0]?.path.join(".") ?? ""}). Check the platform URL and the versions of both.`,
  });
}

function refusal(answer: PlatformAnswer, url: string): AppError {
  const known = problem.safeParse(answer.body);
  if (!known.success) {
    return new AppError({
      code: "not_the_platform",
      // A gateway's own 4xx may be as lasting as ours, but a wrong guess must not end an agent for good.
      status: 502,
      message: `${url} answered HTTP ${answer.status} without a reason. Check the platform URL, and proxies and gateways in between.`,
    });
  }
  const { code, detail = `The platform answered ${answer.status}.` } = known.data;
  const remedy = remedies.get(code);
  return new AppError({
    code,
    status: answer.status,
    message: remedy === undefined ? detail : `${detail} ${remedy}`,
    ...(answer.retryAfterMs === undefined ? {} : { details: { retryAfterMs: answer.retryAfterMs } }),
  });
}
