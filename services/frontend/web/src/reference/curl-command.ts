import { exampleValue } from "./example-value.ts";
import type { OpenApiDocument, Operation } from "./openapi-document.ts";

/** Safe between single quotes of a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

const variableOf = (name: string): string => `$${name.replace(/([a-z])([A-Z])/g, "$1_$2").toUpperCase()}`;

/**
 * A call to paste into a shell. The token and the values of the path are variables of the shell, so that no secret
 * gets into a command line's history.
 */
export function curlCommand(document: OpenApiDocument, operation: Operation, serverUrl: string): string {
  const path = operation.path.replace(/\{(\w+)\}/g, (_all, name: string) => variableOf(name));
  const required = operation.parameters.filter((parameter) => parameter.in === "query" && parameter.required);
  const query = required
    .map(({ name, schema }) => `${name}=${encodeURIComponent(String(exampleValue(document, schema)))}`)
    .join("&");
  const body = operation.body?.example ?? exampleValue(document, operation.body?.schema ?? {});
  return [
    `curl -fsS${operation.method === "GET" ? "" : ` -X ${operation.method}`} "${serverUrl}${path}${query === "" ? "" : `?${query}`}"`,
    ...(operation.isPublic ? [] : ['-H "Authorization: Bearer $RCIOTS_TOKEN"']),
    ...(operation.body === undefined
      ? []
      : ["-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(body, null, 2))}`]),
  ].join(" \\\n  ");
}

/** Where calls go: what the document says, or this very address. */
export function serverUrlOf(document: OpenApiDocument, origin: string): string {
  const url = document.servers[0]?.url ?? "/";
  return url.startsWith("http") ? url.replace(/\/$/, "") : origin;
}
