import createClient, { type Middleware } from "openapi-fetch";
import { ProblemError, toProblem } from "./problem.ts";
import type { components, paths } from "./schema.ts";

/** A named schema of the API, such as `Schema<"Device">`. */
export type Schema<Name extends keyof components["schemas"]> = components["schemas"][Name];

/** What the client needs to know of the person signed in; read at each call, since it changes. */
export interface Credentials {
  /** Of the session cookie; null while nobody is signed in. */
  csrfToken: string | null;
  /** Which organisation the calls are about; null: the first of the person. */
  organizationId: string | null;
}

/** Refusals that say that nobody is signed in; a wrong password or code is no end of a session. */
const signedOutCodes = ["unauthorized", "credentials_invalid"];

const isWrite = (method: string): boolean => !["GET", "HEAD"].includes(method);

/** A client of the platform's own API, typed by its OpenAPI document. The session is a cookie that scripts can't read. */
export function createApi(options: { credentials: () => Credentials; onSignedOut: () => void }) {
  const authentication: Middleware = {
    onRequest({ request }) {
      const { csrfToken, organizationId } = options.credentials();
      if (csrfToken !== null && isWrite(request.method)) request.headers.set("X-CSRF-Token", csrfToken);
      if (organizationId !== null) request.headers.set("X-Rciots-Organization", organizationId);
      return request;
    },
    async onResponse({ response }) {
      if (response.status !== 401) return undefined;
      const body: unknown = await response
        .clone()
        .json()
        .catch(() => undefined);
      if (signedOutCodes.includes(toProblem(response.status, body).code)) options.onSignedOut();
      return undefined;
    },
  };
  const client = createClient<paths>({ baseUrl: "/", credentials: "same-origin" });
  client.use(authentication);
  return client;
}
export type Api = ReturnType<typeof createApi>;

interface Answered<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/** The body of a good answer; throws a `ProblemError` of any other. */
export async function unwrap<Data>(call: Promise<Answered<Data>>): Promise<Data> {
  const { data, error, response } = await call;
  if (!response.ok) throw new ProblemError(toProblem(response.status, error));
  return data as Data;
}

/** `If-Match` for a change of what was read at this version. */
export const ifMatch = (version: number): { "If-Match": string } => ({ "If-Match": `"${version}"` });
