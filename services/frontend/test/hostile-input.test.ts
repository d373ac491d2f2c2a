import assert from "node:assert/strict";
import { hashToken, newToken } from "@rciots/runtime";
import { inAnotherOrganization, startApi, type Answer, type ApiFixture } from "./api-fixture.ts";
import {
  hostileNames,
  hostileQueries,
  hostileSegments,
  hostileValues,
  unknownQueries,
  type Hostile,
} from "./hostile-values.ts";
import { branches, idPrefixOf, operationsOf, valueAt, withValue } from "./openapi-walk.ts";
import type { Field, Json, Operation } from "./openapi-walk.ts";
import { createSamples, type Sample } from "./route-samples.ts";

const placeholder = "@@hostile@@";

/** As faults name a field, `files[0].path`; of a record's value, the record. */
function shownPath(path: readonly string[]): string {
  const named = path.includes("{}") ? path.slice(0, path.indexOf("{}")) : path;
  return named.reduce((shown, step) => {
    if (step === "[]") return `${shown}[0]`;
    return shown === "" ? step : `${shown}.${step}`;
  }, "");
}

describe("when every field of every call is given something hostile", function () {
  // A minute on a quiet machine.
  this.timeout(900_000);
  let api: ApiFixture;
  let document: Json;
  let operations: Operation[];
  let samples: ReturnType<typeof createSamples>;
  /** What nobody asks to be changed: another organisation, and things beside those that calls are about. */
  let untouched: Map<string, string>;
  let other: ApiFixture;

  before(async () => {
    api = await startApi({
      loginLimits: { accountFailures: 100_000, addressFailures: 100_000, windowMs: 60_000 },
    });
    document = (await (await fetch(`${api.url}/api/v1/openapi.json`)).json()) as Json;
    operations = operationsOf(document);
    samples = createSamples(api);
    other = await inAnotherOrganization(api);
    for (const tenant of [api, other]) await makeOneOfEach(createSamples(tenant), tenant.admin);
    untouched = await bystanders();
  });
  after(() => api?.stop());

  async function makeOneOfEach(made: ReturnType<typeof createSamples>, as: string): Promise<void> {
    for (const sample of Object.values(made)) await sample(as);
  }

  /** The organisation itself, its people and what is only counted or noted may change. */
  async function bystanders(): Promise<Map<string, string>> {
    const own = [...(await api.documentsOf(api.organizationId))].filter(
      ([key]) => !/^(organizations|commandSwitches|users|sessions|events|blobs|leases)\//.test(key),
    );
    const all = [...own, ...(await api.documentsOf(other.organizationId))];
    // The platform takes these by itself, as time goes by.
    return new Map(all.filter(([key]) => !key.startsWith("fleetSamples/")));
  }

  async function credentialFor({ about }: Operation): Promise<string | undefined> {
    if (about["x-rciots-access"] === "public") return undefined;
    if (about["x-rciots-access"] !== "platform-admin") return api.signInAs("owner");
    const { body } = await api.call("GET /me", { as: api.admin });
    const token = newToken("rcs");
    const [createdAt, expiresAt] = [new Date(), new Date(Date.now() + 600_000)];
    await api.store.accounts.insertSession({ _id: hashToken(token), userId: body.id, createdAt, expiresAt });
    return token;
  }

  /** Calls an operation again and again, with a new sample and session after each call that was let through. */
  function caller(operation: Operation) {
    let ready: { as: string | undefined; forms: Sample[] } | undefined;
    async function prepare(): Promise<{ as: string | undefined; forms: Sample[] }> {
      const as = await credentialFor(operation);
      const sample = await samples[operation.id]?.(as);
      assert.ok(sample, `route-samples.ts has no sample for ${operation.id}: add one`);
      const forms = [
        sample,
        ...(sample.also ?? []).map((also) => ({ params: sample.params ?? {}, ...also })),
      ];
      return { as, forms };
    }
    return {
      /** The sample that says something about a field, or the first. */
      async formFor(field: Field): Promise<Sample> {
        ready ??= await prepare();
        const input = (form: Sample): unknown => (field.place === "body" ? form.body : form.query);
        return (
          ready.forms.find((form) => valueAt(input(form), field.path) !== undefined) ?? ready.forms[0] ?? {}
        );
      },
      async call(path: string, body: string | undefined): Promise<Answer> {
        ready ??= await prepare();
        const { as } = ready;
        const answer = await api.call(`${operation.method.toUpperCase()} ${path}`, {
          ...(as === undefined ? {} : { as }),
          ...(body === undefined ? {} : { body }),
        });
        if (answer.status < 400 && operation.method !== "get") ready = undefined;
        return answer;
      },
    };
  }

  const pathOf = (operation: Operation, params: Record<string, string> = {}): string =>
    operation.path.replace(/\{(\w+)\}/g, (_all, name: string) =>
      encodeURIComponent(params[name] ?? "missing"),
    );

  /** What is wrong with an answer to something that only a text may take; undefined where nothing is. */
  function faultOf(answer: Answer, field: Field, mayBeAccepted: boolean): string | undefined {
    const shown = `${answer.status} ${JSON.stringify(answer.body)?.slice(0, 300)}`;
    if (answer.status >= 500) return shown;
    if (answer.status < 400) return mayBeAccepted ? undefined : `accepted: ${shown}`;
    if (answer.body.code !== "invalid_input") return undefined;
    const at = shownPath(field.path);
    const faults = (answer.body.errors ?? []) as { field: string; message: string }[];
    // Where a sample says nothing about a part, what stands beside the field is missing as well.
    const beside = shownPath(field.path.slice(0, -1));
    const isNamed = faults.some(({ field: name }) => at.startsWith(name) || name.startsWith(beside));
    return isNamed ? undefined : `not named: ${shown}`;
  }

  const typesOf = (schema: Json): string[] =>
    branches(document, schema).flatMap((branch) => {
      const type = (branch["type"] ?? (branch["enum"] === undefined ? [] : "string")) as string | string[];
      return [type].flat().map((name) => (name === "integer" ? "number" : name));
    });

  const isListOfTexts = ({ items }: Json): boolean =>
    items !== undefined &&
    branches(document, items as Json).some(
      ({ type, pattern, format, enum: words }) =>
        type === "string" &&
        (pattern === undefined || new RegExp(pattern as string, "u").test("$where")) &&
        format === undefined &&
        words === undefined,
    );

  function mayTake(schema: Json, hostile: Hostile): boolean {
    if (!typesOf(schema).includes(hostile.type)) return false;
    // A list of free texts, such as the words of a command, takes any words.
    if (hostile.json === '["$where"]') return branches(document, schema).some(isListOfTexts);
    if (hostile.type === "object" || hostile.type === "array") return false;
    const limits = branches(document, schema).map((branch) => (branch["maxLength"] ?? 1e9) as number);
    return hostile.type !== "string" || hostile.json.length < Math.min(...limits) + 20;
  }

  /** A text that is taken is stored as it was given: shown under its own name, it is the same. */
  function isChanged(answer: Answer, field: Field, hostile: Hostile): boolean {
    if (
      answer.status >= 400 ||
      hostile.type !== "string" ||
      hostile.json.length <= 2 ||
      field.path.some((step) => /\W/.test(step))
    )
      return false;
    const shown = valueAt(answer.body, field.path);
    return typeof shown === "string" && shown !== (JSON.parse(hostile.json) as string).trim();
  }

  async function attackBody(operation: Operation, faults: string[]): Promise<void> {
    const { call, formFor } = caller(operation);
    const send = async (field: Field, path: string[], json: string): Promise<Answer> => {
      const form = await formFor(field);
      const body = JSON.stringify(withValue(form.body, path, placeholder) ?? null);
      return call(
        pathOf(operation, form.params),
        body.replace(`"${placeholder}"`, () => json),
      );
    };
    for (const field of operation.fields.filter(({ place }) => place === "body")) {
      const where = `${operation.id} ${shownPath(field.path) || "body"}`;
      const types = typesOf(field.schema);
      for (const hostile of hostileValues) {
        if (hostile.isVariant === true && field.path.length > 0 && !types.includes(hostile.type)) continue;
        const answer = await send(field, field.path, hostile.json);
        const fault = faultOf(answer, field, mayTake(field.schema, hostile));
        if (fault !== undefined) faults.push(`${where} = ${hostile.name}: ${fault}`);
        else if (isChanged(answer, field, hostile)) faults.push(`${where} = ${hostile.name}: changed`);
      }
      const isObject = branches(document, field.schema).some(
        (branch) => branch["additionalProperties"] !== undefined,
      );
      for (const name of isObject ? hostileNames : []) {
        const answer = await send(field, [...field.path, name], '"x"');
        const fault = faultOf(answer, field, false);
        if (fault !== undefined) faults.push(`${where} with ${JSON.stringify(name).slice(0, 20)}: ${fault}`);
      }
    }
  }

  it("answers a body with a refusal that names the field, or takes a text as it is", async () => {
    const faults: string[] = [];
    for (const operation of operations) await attackBody(operation, faults);
    assert.ok(faults.length === 0, faults.slice(0, 30).join("\n"));
  });

  it("answers a query with a refusal that names the field, or searches for the text", async () => {
    const faults: string[] = [];
    for (const operation of operations) {
      const { call, formFor } = caller(operation);
      const fields = operation.fields.filter(({ place, path }) => place === "query" && path.length === 1);
      for (const field of fields) {
        const form = await formFor(field);
        const others = new URLSearchParams(form.query);
        others.delete(field.path[0] ?? "");
        const isText = typesOf(field.schema).includes("string");
        for (const { name, suffix, mayBeText } of hostileQueries) {
          const query = [`${field.path[0]}${suffix}`, others.toString()].filter(Boolean).join("&");
          const body = form.body === undefined ? undefined : JSON.stringify(form.body);
          const answer = await call(`${pathOf(operation, form.params)}?${query}`, body);
          const fault = faultOf(answer, field, isText && mayBeText);
          if (fault !== undefined) faults.push(`${operation.id} ?${field.path[0]}: ${name}: ${fault}`);
        }
      }
      for (const query of unknownQueries) {
        const form = await formFor({ place: "query", path: [], schema: {} });
        const body = form.body === undefined ? undefined : JSON.stringify(form.body);
        const answer = await call(`${pathOf(operation, form.params)}?${query}`, body);
        if (answer.status !== 400) faults.push(`${operation.id} ?${query}: ${answer.status}`);
      }
    }
    assert.ok(faults.length === 0, faults.slice(0, 30).join("\n"));
  });

  it("answers a path with a refusal", async () => {
    const faults: string[] = [];
    for (const operation of operations) {
      const { call, formFor } = caller(operation);
      for (const field of operation.fields.filter(({ place }) => place === "path")) {
        for (const segment of hostileSegments) {
          const form = await formFor(field);
          const path = pathOf(operation, { ...form.params, [field.path[0] ?? ""]: segment });
          const answer = await call(path, form.body === undefined ? undefined : JSON.stringify(form.body));
          const isId = idPrefixOf(document, field.schema) !== undefined;
          const fault = faultOf(answer, field, !isId);
          if (fault !== undefined) faults.push(`${operation.id} ${segment.slice(0, 20)}: ${fault}`);
        }
      }
    }
    assert.ok(faults.length === 0, faults.slice(0, 30).join("\n"));
  });

  it("has changed nothing that no call was about", async () => {
    const now = await bystanders();
    for (const [key, before] of untouched) assert.equal(now.get(key), before, key);
    assert.equal(Object.hasOwn(Object.prototype, "isPlatformAdmin"), false);
    assert.equal(({} as Json)["role"], undefined);
  });
});
