import { errorMessage } from "@rciots/runtime";

export interface Api {
  /** `path` is below `/api/v1`. Rejects with the platform's own words. */
  call<Answer>(method: string, path: string, body?: object): Promise<Answer>;
}

const timeoutMs = 15_000;

export function createApi(options: { apiUrl: string; signal: AbortSignal; token?: string }): Api {
  const { apiUrl, signal, token } = options;
  const authorization: Record<string, string> =
    token === undefined ? {} : { authorization: `Bearer ${token}` };

  async function send(method: string, path: string, body?: object): Promise<Response> {
    try {
      return await fetch(`${apiUrl}/api/v1${path}`, {
        method,
        headers: { ...authorization, ...(body === undefined ? {} : { "content-type": "application/json" }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      throw new Error(`The API at ${apiUrl} can't be reached: ${errorMessage(cause)}`, { cause: error });
    }
  }

  return {
    async call<Answer>(method: string, path: string, body?: object) {
      const response = await send(method, path, body);
      const text = await response.text();
      if (!response.ok)
        throw new Error(`${method} ${path} was refused (${response.status}): ${reasonOf(text)}`);
      return (text === "" ? undefined : JSON.parse(text)) as Answer;
    },
  };
}

function reasonOf(text: string): string {
  try {
    return (JSON.parse(text) as { detail?: string }).detail ?? "no reason was given";
  } catch {
    return "this is not the platform's API";
  }
}
