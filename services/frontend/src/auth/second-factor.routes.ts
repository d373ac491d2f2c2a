import { z } from "zod";
import { passwordField, secondFactorCodeField } from "../accounts/account-fields.ts";
import type { ProfileService } from "../accounts/profile.service.ts";
import { dateOrNull, isoOrNull } from "../http/fields.ts";
import { defineAccountRoute, type Route } from "../http/route.ts";

const recoveryCodesSchema = z
  .object({ recoveryCodes: z.array(z.string()).describe("Each is good once. Shown this once.") })
  .meta({ id: "RecoveryCodes" });

const proofBody = z.strictObject({ password: passwordField, code: secondFactorCodeField });
const tag = "Account";

export function secondFactorRoutes({ profile }: { profile: ProfileService }): Route[] {
  return [
    defineAccountRoute({
      method: "get",
      path: "/me/second-factor",
      id: "getSecondFactor",
      tag,
      summary: "The own second factor",
      access: "signed-in",
      sessionOnly: true,
      success: {
        status: 200,
        about: "Whether there is one, and the recovery codes that are left.",
        schema: z.object({
          enabled: z.boolean(),
          enabledAt: dateOrNull,
          recoveryCodesLeft: z.number().int(),
        }),
      },
      async handler({ caller }) {
        const secondFactor = await profile.secondFactor(caller);
        return {
          body: {
            enabled: secondFactor !== undefined,
            enabledAt: isoOrNull(secondFactor?.confirmedAt ?? null),
            recoveryCodesLeft: secondFactor?.recoveryCodeHashes.length ?? 0,
          },
        };
      },
    }),
    defineAccountRoute({
      method: "post",
      path: "/me/second-factor",
      id: "beginSecondFactor",
      tag,
      summary: "Begin with a second factor",
      description:
        "Answers a secret for an authenticator app (RFC 6238: SHA-1, six digits, 30 seconds). Nothing is asked for " +
        "at sign-in before a code of it is confirmed.",
      access: "signed-in",
      sessionOnly: true,
      body: z.strictObject({ password: passwordField }),
      success: {
        status: 200,
        about: "The secret, as text and as the address of a QR code. Shown this once.",
        schema: z.object({ secret: z.string(), uri: z.string() }),
      },
      problems: [409, 429, 503],
      async handler({ caller, body, context }) {
        return { body: await profile.beginSecondFactor(caller, body.password, context) };
      },
    }),
    defineAccountRoute({
      method: "post",
      path: "/me/second-factor/confirm",
      id: "confirmSecondFactor",
      tag,
      summary: "Turn the second factor on by a code of the app",
      access: "signed-in",
      sessionOnly: true,
      body: z.strictObject({ code: secondFactorCodeField }),
      success: { status: 200, about: "On from now.", schema: recoveryCodesSchema },
      problems: [409, 429],
      async handler({ caller, body, context }) {
        return { body: { recoveryCodes: await profile.confirmSecondFactor(caller, body.code, context) } };
      },
    }),
    defineAccountRoute({
      method: "post",
      path: "/me/second-factor/disable",
      id: "disableSecondFactor",
      tag,
      summary: "Turn the second factor off",
      access: "signed-in",
      sessionOnly: true,
      body: proofBody,
      success: { status: 204, about: "Off from now." },
      problems: [409, 429, 503],
      async handler({ caller, body, context }) {
        await profile.disableSecondFactor(caller, body, context);
        return { body: undefined };
      },
    }),
    defineAccountRoute({
      method: "post",
      path: "/me/second-factor/recovery-codes",
      id: "renewRecoveryCodes",
      tag,
      summary: "Make new recovery codes",
      description: "The old ones are worthless from then on.",
      access: "signed-in",
      sessionOnly: true,
      body: proofBody,
      success: { status: 200, about: "Made.", schema: recoveryCodesSchema },
      problems: [409, 429, 503],
      async handler({ caller, body, context }) {
        return { body: { recoveryCodes: await profile.renewRecoveryCodes(caller, body, context) } };
      },
    }),
  ];
}
