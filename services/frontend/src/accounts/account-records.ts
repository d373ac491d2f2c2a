import type { User } from "@rciots/store";
import { platformScope, type Acting, type Audit, type AuditRecord } from "../audit/audit.ts";
import type { RequestContext } from "../http/route.ts";

/** The person as the one who acts. */
export function actingAs(user: User, context: Acting["context"]): Acting {
  return { caller: { actor: { kind: "user", id: user._id, name: user.username } }, context };
}

/**
 * Records what happened to an account in each organisation of the person and for the platform; by default they did it
 * themselves.
 */
export async function recordInAll(options: {
  audit: Audit;
  user: User;
  context: Pick<RequestContext, "address" | "requestId">;
  record: Omit<AuditRecord, "organizationId">;
  acting?: Acting;
}): Promise<void> {
  const { audit, user, context, record, acting = actingAs(user, context) } = options;
  const places = [platformScope, ...user.memberships.map(({ organizationId }) => organizationId)];
  await audit.record(acting, ...places.map((organizationId) => ({ ...record, organizationId })));
}
