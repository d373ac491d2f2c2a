import { readFile } from "node:fs/promises";
import { request as httpsRequest } from "node:https";
import { join } from "node:path";

/** A Secret as the API server has it; what isn't named here goes back as it came. */
export interface Secret {
  metadata: { name: string; resourceVersion: string };
  /** In base64. */
  data?: Record<string, string>;
}

export interface SecretsClient {
  get(name: string): Promise<Secret>;
  /** False where somebody else was faster: read it again. */
  update(secret: Secret): Promise<boolean>;
}

const timeoutMs = 15_000;
const maxAnswerBytes = 4_194_304;

/** Secrets of the Pod's own namespace, by its service account. */
export async function createSecretsClient(options: {
  host: string;
  port: number;
  accountDir: string;
}): Promise<SecretsClient> {
  const { host, port, accountDir } = options;
  const read = (name: string) => readFile(join(accountDir, name), "utf8");
  const [token, ca, namespace] = await Promise.all([read("token"), read("ca.crt"), read("namespace")]);
  const pathOf = (name: string) => `/api/v1/namespaces/${namespace.trim()}/secrets/${name}`;

  function call(method: string, path: string, body?: object): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${token.trim()}`, "content-type": "application/json" };
      const request = httpsRequest({ host, port, path, method, headers, ca, timeout: timeoutMs });
      request.once("timeout", () => request.destroy(new Error(`no answer in ${timeoutMs} ms`)));
      request.once("error", (cause) =>
        reject(new Error(`The API server can't be asked: ${cause.message}`, { cause })),
      );
      request.once("response", (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
          if (text.length > maxAnswerBytes) response.destroy(new Error("the answer is too large"));
        });
        response.once("error", reject);
        response.once("end", () => resolve({ status: response.statusCode ?? 0, text }));
      });
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  return {
    async get(name) {
      const { status, text } = await call("GET", pathOf(name));
      if (status !== 200) throw refused("read", name, status, text);
      return JSON.parse(text) as Secret;
    },
    async update(secret) {
      const { name } = secret.metadata;
      const { status, text } = await call("PUT", pathOf(name), secret);
      if (status === 409) return false;
      if (status !== 200) throw refused("update", name, status, text);
      return true;
    },
  };
}

/** With the API server's own words; a refusal never repeats what was sent. */
function refused(verb: string, name: string, status: number, text: string): Error {
  let reason = "";
  try {
    reason = (JSON.parse(text) as { message?: string }).message ?? "";
  } catch {
    reason = "no reason was given";
  }
  return new Error(
    `The Secret ${name} can't be ${verb === "read" ? "read" : "updated"} (${status}): ${reason}`,
  );
}
