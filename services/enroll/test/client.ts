import { createCsr, generateKeyPair } from "@rciots/ca";
import type { KeyObject } from "node:crypto";
import { Agent, request } from "node:https";
import type { IncomingHttpHeaders } from "node:http";

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  bytes: Buffer;
  // Tests look into answers of every shape.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  body: any;
}

export interface Call {
  method?: string;
  token?: string;
  body?: unknown;
  /** Instead of `body`, as it is. */
  rawBody?: string;
  headers?: Record<string, string>;
}

export interface Client {
  call(path: string, call?: Call): Promise<Answer>;
  enroll(token: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
  recover(deviceToken: string, body: unknown): Promise<Answer>;
  close(): void;
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8")) as unknown;
  } catch {
    return undefined;
  }
}

/** Speaks to an enrolment endpoint as a device does; verifies its certificate against `ca`. */
export function createClient(options: { port: number; ca: string; keepAlive?: boolean }): Client {
  const { port, ca, keepAlive = true } = options;
  const agent = new Agent({ keepAlive, maxSockets: 64 });

  function call(
    path: string,
    { method = "GET", token, body, rawBody, headers = {} }: Call = {},
  ): Promise<Answer> {
    const text = rawBody ?? (body === undefined ? undefined : JSON.stringify(body));
    const allHeaders = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(text === undefined
        ? {}
        : { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
      ...headers,
    };
    return new Promise((resolve, reject) => {
      const sent = request(
        { host: "127.0.0.1", servername: "localhost", port, path, method, headers: allHeaders, agent, ca },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", reject);
          response.on("end", () => {
            const bytes = Buffer.concat(chunks);
            const { statusCode: status = 0, headers } = response;
            resolve({ status, headers, bytes, body: parse(bytes) });
          });
        },
      );
      sent.on("error", reject);
      sent.end(text);
    });
  }

  return {
    call,
    enroll: (token, body, headers = {}) => call("/v1/enroll", { method: "POST", token, body, headers }),
    recover: (token, body) => call("/v1/recover", { method: "POST", token, body }),
    close: () => agent.destroy(),
  };
}

export interface DeviceKeyPair {
  privateKey: KeyObject;
  csr: string;
}

/** What a device brings: its key, and the request it signed. */
export function newKey(name = "device"): DeviceKeyPair {
  const { privateKey } = generateKeyPair();
  return { privateKey, csr: createCsr({ privateKey, commonName: name }) };
}
