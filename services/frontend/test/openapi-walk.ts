/* eslint-disable @typescript-eslint/no-explicit-any, @typescript-eslint/no-unsafe-member-access --
   a JSON document is looked into as it comes; what it must hold is checked by the tests */
export type Json = Record<string, any>;

/** A schema's place in an input: names of properties, `[]` for an item of a list, `{}` for a value of a record. */
export interface Field {
  place: "path" | "query" | "body";
  path: string[];
  schema: Json;
}

export interface Operation {
  id: string;
  method: string;
  /** Below `/api/v1`. */
  path: string;
  /** A GET that answers something, rather than a WebSocket. */
  isRead: boolean;
  /** The operation itself, as the document has it. */
  about: Json;
  fields: Field[];
  body: Json | undefined;
  /** Of the good answer; undefined where it has no body. */
  answer: Json | undefined;
}

export function resolve(document: Json, schema: Json): Json {
  const reference = schema["$ref"] as string | undefined;
  return reference === undefined
    ? schema
    : (document["components"].schemas[reference.replace("#/components/schemas/", "")] as Json);
}

/** The schemas that a value may have: itself, and the branches of `anyOf`, `oneOf` and `allOf`. */
export function branches(document: Json, schema: Json): Json[] {
  const own = resolve(document, schema);
  const inner = ["anyOf", "oneOf", "allOf"].flatMap((key) => (own[key] ?? []) as Json[]);
  return [own, ...inner.flatMap((branch) => branches(document, branch))];
}

/** Every field of a schema, the schema itself first, each once. */
function fieldsOf(document: Json, place: Field["place"], schema: Json, path: string[] = []): Field[] {
  if (path.length > 12) return [];
  const found = new Map<string, Field>([[path.join("/"), { place, path, schema }]]);
  const add = (name: string, inner: Json): void => {
    for (const field of fieldsOf(document, place, inner, [...path, name])) {
      const key = field.path.join("/");
      const known = found.get(key);
      // One that differs by branch is any of them.
      if (known === undefined) found.set(key, field);
      else found.set(key, { ...known, schema: { anyOf: [known.schema, field.schema] } });
    }
  };
  for (const branch of branches(document, schema)) {
    for (const [name, inner] of Object.entries((branch["properties"] ?? {}) as Json))
      add(name, inner as Json);
    if (branch["items"] !== undefined) add("[]", branch["items"] as Json);
    if (typeof branch["additionalProperties"] === "object") add("{}", branch["additionalProperties"] as Json);
  }
  return [...found.values()];
}

export function operationsOf(document: Json): Operation[] {
  const prefix = /^\/api\/v1/;
  return Object.entries(document["paths"] as Json).flatMap(([path, methods]) =>
    Object.entries(methods as Json).map(([method, about]: [string, Json]) => {
      const parameters = (about["parameters"] ?? []) as Json[];
      const named = parameters.filter((parameter) => ["path", "query"].includes(parameter["in"] as string));
      const body = about["requestBody"]?.content["application/json"]?.schema as Json | undefined;
      const [, success] = Object.entries(about["responses"] as Json).find(([status]) => status < "300") ?? [];
      return {
        id: about["operationId"] as string,
        method,
        path: path.replace(prefix, ""),
        isRead: method === "get" && about["responses"]["101"] === undefined,
        about,
        body,
        answer: success?.content?.["application/json"]?.schema as Json | undefined,
        fields: [
          ...named.flatMap(({ in: place, name, schema }) =>
            fieldsOf(document, place as Field["place"], schema as Json, [name as string]),
          ),
          ...(body === undefined ? [] : fieldsOf(document, "body", body)),
        ],
      };
    }),
  );
}

/** The prefix of the identifiers that a field takes, such as `dev`; undefined where it takes none. */
export function idPrefixOf(document: Json, schema: Json): string | undefined {
  for (const branch of branches(document, schema)) {
    const prefix = /^\^([a-z]+)_\[0-9A-H/.exec((branch["pattern"] as string | undefined) ?? "")?.[1];
    if (prefix !== undefined) return prefix;
  }
  return undefined;
}

/** Whether an answer is a list: an object with `items`. */
export function isList(document: Json, operation: Operation): boolean {
  if (operation.answer === undefined) return false;
  return branches(document, operation.answer).some((branch) => branch["properties"]?.items !== undefined);
}

const keyOf = (container: unknown, step: string): string | number | undefined => {
  if (step === "[]") return 0;
  if (step === "{}") return Object.keys(container ?? {})[0];
  return step;
};

/** What `value` has at a field's path; undefined where it has nothing. */
export function valueAt(value: unknown, path: readonly string[]): unknown {
  let at = value;
  for (const step of path) {
    const key = keyOf(at, step);
    if (typeof at !== "object" || at === null || key === undefined || !Object.hasOwn(at, key))
      return undefined;
    at = (at as Json)[key];
  }
  return at;
}

/** A copy of `value` with `inner` at a field's path; what is missing on the way is made. */
export function withValue(value: unknown, path: readonly string[], inner: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return inner;
  if (step === "[]") {
    const list = Array.isArray(value) ? (value as unknown[]) : [];
    return [withValue(list[0], rest, inner), ...list.slice(1)];
  }
  const record = typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
  const key = step === "{}" ? (Object.keys(record)[0] ?? "key") : step;
  return { ...record, [key]: withValue(record[key], rest, inner) };
}
