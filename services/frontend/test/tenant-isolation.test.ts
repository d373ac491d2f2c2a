import assert from "node:assert/strict";
import { newId } from "@rciots/runtime";
import { inAnotherOrganization, startApi, type Answer, type ApiFixture } from "./api-fixture.ts";
import { idPrefixOf, isList, operationsOf, valueAt, withValue } from "./openapi-walk.ts";
import type { Field, Json, Operation } from "./openapi-walk.ts";
import { createSamples, type Sample } from "./route-samples.ts";

/** Names in a path that a call may create: another organisation's name is free here. */
const createsByName = ["putSecret"];

interface Tenant {
  api: ApiFixture;
  samples: ReturnType<typeof createSamples>;
}

const identifiers = (text: string): Set<string> =>
  new Set((text.match(/[a-z]+[_-][0-9a-hjkmnp-tv-z]{26}/gi) ?? []).map((found) => found.toLowerCase()));

/** The sample, and its other bodies and queries. */
const variants = (sample: Sample): Sample[] => [
  sample,
  ...(sample.also ?? []).map((other) => ({
    ...(sample.params === undefined ? {} : { params: sample.params }),
    ...other,
  })),
];

const inputOf = (sample: Sample, place: Field["place"]): unknown =>
  ({ path: sample.params, query: sample.query, body: sample.body })[place];

function send(tenant: Tenant, operation: Operation, sample: Sample, headers = {}): Promise<Answer> {
  const path = operation.path.replace(/\{(\w+)\}/g, (_all, name: string) =>
    encodeURIComponent(sample.params?.[name] ?? "missing"),
  );
  const query = sample.query === undefined ? "" : `?${new URLSearchParams(sample.query).toString()}`;
  return tenant.api.call(`${operation.method.toUpperCase()} ${path}${query}`, {
    as: tenant.api.admin,
    headers,
    ...(sample.body === undefined ? {} : { body: sample.body }),
  });
}

/** A filter that finds nothing, and a result for each of many that says so, tell as little as a 404. */
function isNotFound({ status, body }: Answer, place: Field["place"]): boolean {
  if (place === "path") return status === 404;
  if (status >= 400) return /_not_found$/.test(body.code as string);
  if (Array.isArray(body?.items) && body.items.length === 0) return true;
  const results = (body?.results ?? []) as Json[];
  return results.length > 0 && results.every(({ error }) => /_not_found$/.test(error?.code as string));
}

/** All that an organisation has, but for the samples of its fleet, which the platform takes by itself as time goes by. */
async function changedByPeople({ api }: Tenant): Promise<Map<string, string>> {
  const documents = await api.documentsOf(api.organizationId);
  return new Map([...documents].filter(([key]) => !key.startsWith("fleetSamples/")));
}

describe("when two organisations use the platform", function () {
  this.timeout(600_000);
  let api: ApiFixture;
  let ours: Tenant;
  let theirs: Tenant;
  let document: Json;
  let operations: Operation[];

  before(async () => {
    api = await startApi({
      loginLimits: { accountFailures: 1_000, addressFailures: 10_000, windowMs: 60_000 },
    });
    document = (await (await fetch(`${api.url}/api/v1/openapi.json`)).json()) as Json;
    const access = new Map(api.frontend.routes.map((route) => [route.id, route.access]));
    operations = operationsOf(document).filter(
      ({ id }) => !["public", "signed-in", "platform-admin"].includes(access.get(id) ?? ""),
    );
    const tenant = async (): Promise<Tenant> => {
      const its = await inAnotherOrganization(api);
      return { api: its, samples: createSamples(its) };
    };
    ours = await tenant();
    theirs = await tenant();
    for (const filled of [ours, theirs]) await fill(filled);
  });
  after(() => api?.stop());

  async function sampleOf(tenant: Tenant, operation: Operation): Promise<Sample> {
    const sample = tenant.samples[operation.id];
    assert.ok(sample, `route-samples.ts has no sample for ${operation.id}: add one`);
    return sample(tenant.api.admin);
  }

  /** Makes one of everything that can be made, and changes whatever can be changed. */
  async function fill(tenant: Tenant): Promise<void> {
    for (const operation of operations.filter(({ isRead }) => !isRead))
      for (const sample of variants(await sampleOf(tenant, operation))) await send(tenant, operation, sample);
  }

  /** Another's identifier and another's header are refused: the same sample can be sent again and again. */
  const kept = new Map<string, Sample[]>();
  async function keptSamples(operation: Operation): Promise<Sample[]> {
    const found = kept.get(operation.id) ?? variants(await sampleOf(ours, operation));
    kept.set(operation.id, found);
    return found;
  }

  async function readAll(tenant: Tenant, samples: Map<string, Sample>): Promise<Map<string, string>> {
    const answers = new Map<string, string>();
    for (const operation of operations.filter(({ isRead }) => isRead)) {
      const sample = samples.get(operation.id) ?? (await sampleOf(tenant, operation));
      samples.set(operation.id, sample);
      const { status, body } = await send(tenant, operation, sample);
      assert.equal(status, sample.status ?? 200, operation.id);
      answers.set(operation.id, JSON.stringify(body));
    }
    return answers;
  }

  // First, since the audit log keeps what one asked for, and the tests after it ask for what is foreign.
  it("lists something in every list, and takes no cursor of the other one to show what is not its own", async () => {
    const foreign = identifiers([...(await api.documentsOf(theirs.api.organizationId)).values()].join("\n"));
    const lists = operations.filter((operation) => operation.method === "get" && isList(document, operation));
    const wholes = lists.filter(({ path }) => !path.includes("{"));
    assert.ok(wholes.length >= 8);
    for (const operation of wholes) {
      const pages = operation.fields.some(({ path }) => path[0] === "cursor");
      const sample = await sampleOf(theirs, operation);
      const query = { ...sample.query, ...(pages ? { limit: "1" } : {}) };
      const first = await send(theirs, operation, { query });
      assert.ok(
        first.body.items.length > 0,
        `${operation.id} lists nothing: its things must come of samples`,
      );
      if (!pages || first.body.nextCursor === null) continue;
      const cursor = first.body.nextCursor as string;
      const { body } = await send(ours, operation, { query: { ...query, limit: "500", cursor } });
      const shown = identifiers(JSON.stringify(body.items));
      assert.deepEqual(
        [...shown].filter((found) => foreign.has(found)),
        [],
        operation.id,
      );
    }
  });

  it("takes every identifier of the other one, wherever it stands, as one that doesn't exist", async () => {
    const foreignSamples = new Map<string, Sample[]>();
    for (const operation of operations)
      foreignSamples.set(operation.id, variants(await sampleOf(theirs, operation)));
    const before = await changedByPeople(theirs);
    let count = 0;
    for (const operation of operations) {
      const own = await keptSamples(operation);
      for (const field of operation.fields) {
        // A number, such as a revision's, counts within what the identifier before it names.
        const isNumber = field.schema["type"] === "integer";
        const isIdentifier =
          (field.place === "path" && !isNumber) || idPrefixOf(document, field.schema) !== undefined;
        // A query's field that may be repeated takes a single one as well.
        const isRepeated = field.place === "query" && field.path.length > 1;
        if (!isIdentifier || isRepeated || createsByName.includes(operation.id)) continue;
        const shownField = `${operation.id} ${field.place} ${field.path.join(".")}`;
        const has = (sample: Sample): boolean =>
          valueAt(inputOf(sample, field.place), field.path) !== undefined;
        const base = own.find(has);
        const foreign = foreignSamples.get(operation.id)?.find(has);
        assert.ok(base && foreign, `route-samples.ts has no sample with ${shownField}: add it under "also"`);
        const value = valueAt(inputOf(foreign, field.place), field.path);
        const key = { path: "params", query: "query", body: "body" }[field.place];
        const ask = (id: unknown): Promise<Answer> =>
          send(ours, operation, {
            ...base,
            [key]: withValue(inputOf(base, field.place), field.path, id),
          });
        const answer = await ask(value);
        const shown = `${shownField}: ${answer.status} ${JSON.stringify(answer.body)}`;
        const isFilter = field.path[0] === "selector" || operation.method === "get";
        if (isFilter && field.place !== "path") {
          const nobodys = newId(idPrefixOf(document, field.schema) ?? "");
          const unknown = await ask(nobodys);
          const text = JSON.stringify({ ...unknown.body, requestId: "" }).replaceAll(nobodys, String(value));
          assert.deepEqual({ ...answer.body, requestId: "" }, JSON.parse(text), shown);
        } else assert.ok(isNotFound(answer, field.place), shown);
        count += 1;
      }
    }
    assert.ok(count > 45, `${count} identifiers`);
    assert.deepEqual(await changedByPeople(theirs), before);
  });

  it("shows in no answer anything of the other one", async () => {
    const foreign = identifiers([...(await api.documentsOf(theirs.api.organizationId)).values()].join("\n"));
    const mine = identifiers([...(await api.documentsOf(ours.api.organizationId)).values()].join("\n"));
    const samples = new Map<string, Sample>();
    let shownOfMine = 0;
    for (const [id, text] of await readAll(ours, samples)) {
      const shown = identifiers(text);
      shownOfMine += [...shown].filter((found) => mine.has(found)).length;
      assert.deepEqual(
        [...shown].filter((found) => foreign.has(found) && !mine.has(found)),
        [],
        id,
      );
    }
    assert.ok(shownOfMine > 100, `${shownOfMine} identifiers`);
  });

  /** Reading it is an event of its own, so that the next answers differ. */
  const isRecorded = ({ path }: Operation): boolean => path.endsWith("/export");

  /** The device answers, which is away: each refusal has a request id of its own. */
  const isAskedOfDevice = ({ path }: Operation): boolean => path.endsWith("/pods");

  it("answers the same whatever the other one does", async () => {
    const samples = new Map<string, Sample>();
    const all = operations;
    operations = all.filter((operation) => !isRecorded(operation) && !isAskedOfDevice(operation));
    await readAll(ours, samples);
    const before = await readAll(ours, samples);
    await fill(theirs);
    const after = await readAll(ours, samples);
    operations = all;
    assert.deepEqual(after, before);
  });

  it("lets nobody name the other one in the header", async () => {
    const headers = { "x-rciots-organization": theirs.api.organizationId };
    for (const operation of operations) {
      const [sample = {}] = await keptSamples(operation);
      const answer = await send(ours, operation, sample, headers);
      assert.equal(answer.status, 404, operation.id);
      assert.equal(answer.body.code, "organization_not_found", operation.id);
    }
  });
});
