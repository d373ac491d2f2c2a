import { z } from "zod";
import { defaultBodyLimitBytes } from "./json-body.ts";
import { documentProblems } from "./documented-problems.ts";
import { isWithinOrganization, type Route } from "./route.ts";
import { organizationQuery } from "./socket-route.ts";

type Json = Record<string, unknown>;

const problem: Json = {
  type: "object",
  description: "RFC 9457 problem details.",
  required: ["type", "title", "status", "detail", "code", "requestId"],
  properties: {
    type: { type: "string", description: "`urn:rciots:error:<code>`" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string", description: "A sentence for people." },
    code: { type: "string", description: "Stable, for programs." },
    requestId: { type: "string", description: "Also in the x-request-id header and in the platform's log." },
    errors: {
      type: "array",
      description: "Of `invalid_input`: every field at fault.",
      items: { type: "object", properties: { field: { type: "string" }, message: { type: "string" } } },
    },
  },
  additionalProperties: true,
};

/** Collects schemas with an id (`.meta({ id })`) under `components`, so that each is written once. */
function createSchemaWriter(): { write: (schema: z.ZodType, io: "input" | "output") => Json; shared: Json } {
  const shared: Json = {};
  const relocate = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(relocate);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [
        key,
        key === "$ref" && typeof inner === "string"
          ? inner.replace("#/$defs/", "#/components/schemas/")
          : relocate(inner),
      ]),
    );
  };
  return {
    shared,
    write(schema, io) {
      const {
        $schema: _dialect,
        $defs,
        ...json
      } = z.toJSONSchema(schema, { io, unrepresentable: "any" }) as Json;
      for (const [name, definition] of Object.entries(($defs ?? {}) as Json)) {
        const { id: _id, ...rest } = relocate(definition) as Json;
        shared[name] = rest;
      }
      return relocate(json) as Json;
    },
  };
}

function parameters(json: Json, place: "path" | "query"): Json[] {
  const required = (json["required"] ?? []) as string[];
  return Object.entries((json["properties"] ?? {}) as Record<string, Json>).map(([name, schema]) => {
    const { description, ...rest } = schema;
    return {
      name,
      in: place,
      required: place === "path" || required.includes(name),
      ...(description === undefined ? {} : { description }),
      schema: rest,
    };
  });
}

const organizationParameter: Json = {
  name: "X-Rciots-Organization",
  in: "header",
  required: false,
  description: "Which of your organisations; absent: the first. An API token always means its own.",
  schema: { type: "string" },
};
const ifMatchParameter: Json = {
  name: "If-Match",
  in: "header",
  required: false,
  description: "The ETag you read; 412 where it was changed since. Absent: whatever is there.",
  schema: { type: "string" },
};

const socketParameter: Json = {
  name: organizationQuery,
  in: "query",
  required: false,
  description: "As X-Rciots-Organization, for browsers, which can't send headers with a WebSocket.",
  schema: { type: "string", maxLength: 64 },
};

function bytesInWords(bytes: number): string {
  const kib = bytes / 1_024;
  if (!Number.isInteger(kib)) return `${bytes} bytes`;
  return kib % 1_024 === 0 ? `${kib / 1_024} MiB` : `${kib} KiB`;
}

function describe(route: Route): string {
  const who: Record<string, string> = {
    public: "Needs no account.",
    "signed-in": "For everybody signed in.",
    "platform-admin": "For administrators of the platform.",
  };
  const needs = who[route.access] ?? `Needs the role \`${route.access}\` or a higher one.`;
  const session = route.sessionOnly === true ? " API tokens are refused." : "";
  return `${route.description === undefined ? "" : `${route.description}\n\n`}${needs}${session}`;
}

function contentOf(success: Route["success"], schemas: ReturnType<typeof createSchemaWriter>): Json {
  const { schema, mediaTypes } = success;
  if (mediaTypes !== undefined) {
    const text = { schema: { type: "string" } };
    return { content: Object.fromEntries(mediaTypes.map((mediaType) => [mediaType, text])) };
  }
  if (schema === undefined) return {};
  return { content: { "application/json": { schema: schemas.write(schema, "output") } } };
}

/** The OpenAPI 3.1 document of the table, made from the very schemas that requests are validated with. */
export function describeApi(
  routes: readonly Route[],
  options: {
    serverUrl: string;
    version: string;
    /** With an id each: what no route answers, such as messages of a WebSocket. */
    messages?: readonly z.ZodType[];
  },
): Json {
  const schemas = createSchemaWriter();
  for (const message of options.messages ?? []) schemas.write(z.array(message), "output");
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const { success } = route;
    const answer: Json = {
      description: success.about,
      ...(route.conditional === true ? { headers: { ETag: { schema: { type: "string" } } } } : {}),
      ...contentOf(success, schemas),
    };
    const problems = documentProblems(route).map(({ status, description, codes }) => [
      String(status),
      {
        description,
        ...(codes.length === 0 ? {} : { "x-rciots-codes": codes }),
        content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
      },
    ]);
    const operation: Json = {
      operationId: route.id,
      tags: [route.tag],
      summary: route.summary,
      description: describe(route),
      "x-rciots-access": route.access,
      security: route.access === "public" ? [] : [{ bearer: [] }, { basic: [] }, { session: [] }],
      parameters: [
        ...(route.params === undefined ? [] : parameters(schemas.write(route.params, "input"), "path")),
        ...(route.query === undefined ? [] : parameters(schemas.write(route.query, "input"), "query")),
        ...(isWithinOrganization(route) ? [organizationParameter] : []),
        ...(route.socket === undefined ? [] : [socketParameter]),
        ...(route.conditional === true ? [ifMatchParameter] : []),
      ],
      ...(route.body === undefined
        ? {}
        : {
            requestBody: {
              required: true,
              description: `At most ${bytesInWords(route.bodyLimitBytes ?? defaultBodyLimitBytes)}.`,
              content: {
                "application/json": {
                  schema: schemas.write(route.body, "input"),
                  ...(route.example === undefined ? {} : { example: route.example }),
                },
              },
            },
          }),
      responses: { [String(success.status)]: answer, ...Object.fromEntries(problems) },
    };
    const path = `/api/v1${route.path}`;
    paths[path] = { ...paths[path], [route.method]: operation };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "RCIoTS",
      version: options.version,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: options.serverUrl }],
    paths,
    components: {
      schemas: { ...schemas.shared, Problem: problem },
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description: "A session token, or an API token (`rca_...`).",
        },
        basic: { type: "http", scheme: "basic", description: "An API token as the password; any user name." },
        session: {
          type: "apiKey",
          in: "cookie",
          name: "rciots_session",
          description: "Writes need X-CSRF-Token.",
        },
      },
    },
  };
}
