/** The address of a WebSocket of the API, for the organisation of this tab. */
export function socketUrl(
  path: string,
  organizationId: string | undefined,
  parameters: Record<string, string>,
): string {
  const url = new URL(`/api/v1${path}`, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const all = { ...parameters, ...(organizationId === undefined ? {} : { organizationId }) };
  url.search = new URLSearchParams(all).toString();
  return url.href;
}
