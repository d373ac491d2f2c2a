/** The parts of OpenAPI 3.1 that our own document uses. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: boolean | Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  format?: string;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  examples?: unknown[];
}

export interface Parameter {
  name: string;
  in: "path" | "query" | "header";
  required: boolean;
  description?: string;
  schema: Schema;
}

interface Content {
  schema?: Schema;
  example?: unknown;
}

export interface ApiResponse {
  description: string;
  content?: Record<string, Content>;
  "x-rciots-codes"?: string[];
}

interface DocumentedOperation {
  operationId: string;
  tags: string[];
  summary: string;
  description: string;
  security: unknown[];
  parameters: Parameter[];
  requestBody?: { description?: string; content: Record<string, Content> };
  responses: Record<string, ApiResponse>;
}

export interface OpenApiDocument {
  openapi: string;
  info: { title: string; version: string };
  servers: { url: string }[];
  paths: Record<string, Record<string, DocumentedOperation>>;
  components: { schemas: Record<string, Schema> };
}

/** One call of the API, as a reader looks for it. */
export interface Operation {
  id: string;
  tag: string;
  method: string;
  path: string;
  summary: string;
  description: string;
  isPublic: boolean;
  parameters: Parameter[];
  body: Content | undefined;
  bodyNote: string | undefined;
  responses: [status: string, response: ApiResponse][];
}

export interface OperationGroup {
  tag: string;
  operations: Operation[];
}

export function operationsOf(document: OpenApiDocument): Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      id: operation.operationId,
      tag: operation.tags[0] ?? "Other",
      method: method.toUpperCase(),
      path,
      summary: operation.summary,
      description: operation.description,
      isPublic: operation.security.length === 0,
      parameters: operation.parameters,
      body: operation.requestBody?.content["application/json"],
      bodyNote: operation.requestBody?.description,
      responses: Object.entries(operation.responses),
    })),
  );
}

/** The operations that hold every word of `search`, by tag. */
export function groupOperations(operations: Operation[], search: string): OperationGroup[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const groups = new Map<string, Operation[]>();
  for (const operation of operations) {
    const { method, path, summary, id, tag } = operation;
    const text = `${method} ${path} ${summary} ${id} ${tag}`.toLowerCase();
    if (words.every((word) => text.includes(word))) groups.set(tag, [...(groups.get(tag) ?? []), operation]);
  }
  return [...groups]
    .map(([tag, found]) => ({ tag, operations: found }))
    .sort((one, other) => one.tag.localeCompare(other.tag));
}

/** What a schema refers to, with the name it has in the document. */
export function resolveSchema(document: OpenApiDocument, schema: Schema): { schema: Schema; name?: string } {
  if (schema.$ref === undefined) return { schema };
  const name = schema.$ref.split("/").at(-1) ?? "";
  return { schema: document.components.schemas[name] ?? {}, name };
}
