import assert from "node:assert/strict";
import { Validator } from "@seriousme/openapi-schema-validator";
import { startApi, type ApiFixture } from "./api-fixture.ts";
import { operationsOf, type Json, type Operation } from "./openapi-walk.ts";

describe("when the OpenAPI document is read", function () {
  this.timeout(60_000);
  let api: ApiFixture;
  let document: Json;
  let operations: Operation[];
  before(async () => {
    api = await startApi();
    document = (await (await fetch(`${api.url}/api/v1/openapi.json`)).json()) as Json;
    operations = operationsOf(document);
  });
  after(() => api?.stop());

  /** Names of the operations for which `check` doesn't hold. */
  const without = (check: (operation: Operation) => boolean): string[] =>
    operations.filter((operation) => !check(operation)).map(({ id }) => id);

  it("is valid OpenAPI 3.1", async () => {
    const validator = new Validator();
    const result = await validator.validate(document);
    assert.deepEqual(result.errors ?? [], []);
    assert.equal(result.valid, true);
    assert.equal(validator.version, "3.1");
  });

  it("refers to nothing that it doesn't have", () => {
    const references = new Set(JSON.stringify(document).match(/#\/components\/schemas\/\w+/g));
    assert.ok(references.size > 10);
    for (const reference of references)
      assert.ok(document["components"].schemas[reference.split("/").at(-1) ?? ""], reference);
  });

  it("says of each operation what it is for, who may call it and what it refuses", () => {
    const ids = operations.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    assert.deepEqual(
      without(({ id }) => /^[a-z][A-Za-z]+$/.test(id)),
      [],
    );
    assert.deepEqual(
      without(({ about }) => about["tags"].length === 1),
      [],
    );
    const summary = /^[A-Z].{4,100}[^.\s]$/;
    assert.deepEqual(
      without(({ about }) => summary.test(about["summary"] as string)),
      [],
    );
    assert.deepEqual(
      without(({ about }) => (about["description"] as string).length > 10),
      [],
    );
    assert.deepEqual(
      without(({ about }) => Array.isArray(about["security"])),
      [],
    );
    assert.deepEqual(
      without(({ about }) => (about["x-rciots-access"] === "public") === (about["security"].length === 0)),
      [],
    );
    const refuses = (status: number) => (operation: Operation) =>
      operation.about["responses"][status] !== undefined;
    assert.deepEqual(without(refuses(400)), []);
    const isOpen = ({ about }: Operation): boolean => about["x-rciots-access"] === "public";
    assert.deepEqual(
      without((operation) => isOpen(operation) || refuses(401)(operation)),
      [],
    );
    assert.deepEqual(
      without((operation) => !operation.path.includes("{id}") || refuses(404)(operation)),
      [],
    );
  });

  it("shows bodies that are valid", () => {
    const shown = api.frontend.routes.filter(({ example }) => example !== undefined);
    assert.ok(shown.length >= 7, `${shown.length} examples`);
    for (const { id, body, example } of shown) assert.equal(body?.safeParse(example).success, true, id);
  });

  it("gives every text and list in an input an end", () => {
    const isBounded = (schema: Json): boolean => {
      if (schema["type"] === "string")
        return ["maxLength", "enum", "const", "pattern", "format"].some((key) => schema[key] !== undefined);
      if (schema["type"] === "array") return schema["maxItems"] !== undefined;
      return true;
    };
    const unbounded = operations.flatMap(({ id, fields }) =>
      fields
        .filter(({ schema }) => !isBounded(schema))
        .map(({ place, path }) => `${id} ${place} ${path.join(".")}`),
    );
    assert.deepEqual(unbounded, []);
  });
});
