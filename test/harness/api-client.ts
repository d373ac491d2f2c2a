import assert from "node:assert/strict";

export interface ApiAnswer<Body> {
  status: number;
  headers: Headers;
  body: Body;
}

/** A problem answer (RFC 9457) of the operator API. */
export class ApiProblem extends Error {
  readonly status: number;
  readonly body: Record<string, unknown>;

  constructor(method: string, path: string, status: number, body: Record<string, unknown>) {
    super(`${method} ${path}: ${status} ${JSON.stringify(body)}`);
    this.status = status;
    this.body = body;
  }
}

export interface ApiClient {
  request<Body = any>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<ApiAnswer<Body>>;
  get<Body = any>(path: string): Promise<Body>;
  post<Body = any>(path: string, body?: unknown): Promise<Body>;
  put<Body = any>(path: string, body?: unknown): Promise<Body>;
  patch<Body = any>(path: string, body?: unknown): Promise<Body>;
  delete<Body = any>(path: string): Promise<Body>;
}

/** The operator API as a person with curl uses it: `path` is below `/api/v1`. */
export function createApiClient(consoleUrl: string, token?: string): ApiClient {
  async function request<Body>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<ApiAnswer<Body>> {
    const response = await fetch(`${consoleUrl}/api/v1${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const parsed: unknown = text === "" ? undefined : JSON.parse(text);
    if (!response.ok) throw new ApiProblem(method, path, response.status, parsed as Record<string, unknown>);
    return { status: response.status, headers: response.headers, body: parsed as Body };
  }
  const bodyOf = async <Body>(answer: Promise<ApiAnswer<Body>>): Promise<Body> => (await answer).body;
  return {
    request,
    get: (path) => bodyOf(request("GET", path)),
    post: (path, body = {}) => bodyOf(request("POST", path, body)),
    put: (path, body) => bodyOf(request("PUT", path, body)),
    patch: (path, body) => bodyOf(request("PATCH", path, body)),
    delete: (path) => bodyOf(request("DELETE", path)),
  };
}

/** Logs in and returns a client that carries the session. */
export async function logIn(consoleUrl: string, username: string, password: string): Promise<ApiClient> {
  const { token } = await createApiClient(consoleUrl).post<{ token: string }>("/login", {
    username,
    password,
  });
  assert.equal(typeof token, "string");
  return createApiClient(consoleUrl, token);
}
