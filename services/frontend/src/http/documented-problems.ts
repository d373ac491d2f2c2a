import { isRead, isWithinOrganization, type Route } from "./route.ts";

const problemReasons: Record<number, string> = {
  400: "The input is not valid.",
  401: "Not signed in, or the session or token is unknown, expired or revoked.",
  403: "Not allowed.",
  404: "There is no such thing in this organisation.",
  409: "It conflicts with what is there.",
  412: "It was changed since it was read (`If-Match`).",
  413: "The body is too large.",
  415: "The body is not JSON.",
  426: "The request doesn't ask for a WebSocket.",
  422: "The content can't be processed; `faults` says where.",
  429: "Too many failures; see Retry-After.",
  503: "Busy; see Retry-After.",
};

/** Statuses that a call may be refused with: what every route of its kind shares, and what it declares itself. */
function problemStatuses(route: Route): number[] {
  const signedIn = route.access === "public" ? [] : [401, 403];
  // Of the header that names an organisation.
  const within = isWithinOrganization(route) ? [404] : [];
  const withBody = route.body === undefined ? [] : [413, 415];
  const conditional = route.conditional === true ? [412] : [];
  const ofSocket = route.socket === undefined ? [] : [426, 429, 503];
  const own = route.problems ?? [];
  const all = [400, ...signedIn, ...within, ...withBody, ...conditional, ...ofSocket, ...own];
  return [...new Set(all)].sort();
}

function forbiddenCodes(route: Route): string[] {
  const isWithin = isWithinOrganization(route);
  return [
    ...(route.access === "platform-admin" ? ["platform_admin_required"] : []),
    ...(isWithin ? ["no_organization", "role_required", "address_not_allowed"] : []),
    ...(isWithin && !isRead(route) ? ["organization_suspended"] : []),
    ...(route.sessionOnly === true ? ["session_required"] : []),
    ...(route.socket !== undefined ? ["foreign_origin"] : []),
    ...(route.method === "get" ? [] : ["csrf_token_invalid", "foreign_origin"]),
  ];
}

/** The codes that follow from what a route is; those of its own are in docs/errors.md. */
function problemCodes(route: Route, status: number): string[] {
  const bodyCodes = route.body === undefined ? ["unexpected_body"] : ["body_missing", "invalid_json"];
  const codes: Record<number, string[]> = {
    400: ["invalid_input", ...bodyCodes, ...(route.conditional === true ? ["invalid_if_match"] : [])],
    401: ["unauthorized", "credentials_invalid"],
    403: forbiddenCodes(route),
    404: isWithinOrganization(route) ? ["organization_not_found"] : [],
    412: ["version_conflict"],
    413: ["body_too_large"],
    415: ["unsupported_media_type", "unsupported_content_encoding"],
    426: ["upgrade_required"],
  };
  return codes[status] ?? [];
}

export interface DocumentedProblem {
  status: number;
  description: string;
  codes: string[];
}

/** What the reference says of a route's refusals. */
export function documentProblems(route: Route): DocumentedProblem[] {
  return problemStatuses(route).map((status) => ({
    status,
    description: problemReasons[status] ?? "Refused.",
    codes: problemCodes(route, status),
  }));
}
