/** Of the cluster roles that come with every Kubernetes, the lowest first. */
export const clusterRoles = ["view", "edit", "admin", "cluster-admin"] as const;
export type ClusterRole = (typeof clusterRoles)[number];

export const isClusterRoleWithin = (role: ClusterRole, highest: ClusterRole): boolean =>
  clusterRoles.indexOf(role) <= clusterRoles.indexOf(highest);

/**
 * What of a request reaches the API server. Nothing else does: no credentials, no `Impersonate-*`, no
 * `X-Remote-*`, and nothing of the connection it came on.
 */
export const requestHeaders: ReadonlySet<string> = new Set([
  "accept",
  "accept-encoding",
  "content-encoding",
  "content-type",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "kubectl-command",
  "kubectl-session",
  "user-agent",
]);

/** Besides these, of a request for an upgrade, and of the answer that grants it. */
export const upgradeHeaders: ReadonlySet<string> = new Set([
  "sec-websocket-accept",
  "sec-websocket-key",
  "sec-websocket-protocol",
  "sec-websocket-version",
  "upgrade",
  "x-stream-protocol-version",
]);

/** What of an answer reaches whoever asked: no cookies, no policies for browsers, no redirects. */
export const responseHeaders: ReadonlySet<string> = new Set([
  "allow",
  "audit-id",
  "content-encoding",
  "content-length",
  "content-type",
  "etag",
  "last-modified",
  "retry-after",
  "vary",
  "warning",
  "x-kubernetes-pf-flowschema-uid",
  "x-kubernetes-pf-prioritylevel-uid",
]);

const maxPathChars = 8_192;
const pathForm = /^\/[\w\-.~!$&'()*+,;=:@%/]*(?:\?[\w\-.~!$&'()*+,;=:@%/?[\]{}|^`"<>]*)?$/;

/**
 * Whether a path, with its query, means the same to everybody on its way: absolute, no dot segments, no empty
 * ones, and nothing encoded that would divide it anew.
 */
export function isForwardablePath(path: string): boolean {
  if (path.length > maxPathChars || !pathForm.test(path)) return false;
  const [, ...segments] = (path.split("?", 1)[0] ?? "").split("/");
  return segments.every((segment, index) => {
    const isLast = index === segments.length - 1;
    return (segment !== "" || isLast) && isPlainSegment(segment);
  });
}

function isPlainSegment(segment: string): boolean {
  try {
    const decoded = decodeURIComponent(segment);
    return !/^\.{1,2}$|[/\\%\u0000-\u001f\u007f]/.test(decoded);
  } catch {
    return false;
  }
}

const reasons: Record<number, string> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  409: "Conflict",
  429: "TooManyRequests",
  504: "Timeout",
};

/** A refusal as an API server would put it, for its clients: a `Status` in JSON. `code` is ours. */
export function clusterStatus({
  status,
  code,
  message,
}: {
  status: number;
  code: string;
  message: string;
}): string {
  return JSON.stringify({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason: reasons[status] ?? "ServiceUnavailable",
    details: { causes: [{ reason: code, message }] },
    code: status,
  });
}
