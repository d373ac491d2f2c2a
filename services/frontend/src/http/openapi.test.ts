import assert from "node:assert/strict";
import { z } from "zod";
import { describeApi } from "./openapi.ts";
import { defineRoute } from "./route.ts";

const thing = z.object({ id: z.string(), at: z.iso.datetime().nullable() }).meta({ id: "Thing" });

describe("when the API is described", () => {
  const route = defineRoute({
    method: "put",
    path: "/things/{id}",
    id: "putThing",
    tag: "Things",
    summary: "Put a thing",
    access: "operator",
    conditional: true,
    params: z.strictObject({ id: z.string().min(3) }),
    query: z.strictObject({ limit: z.coerce.number().int().max(9).default(5).describe("How many.") }),
    body: z.strictObject({ name: z.string().max(7), size: z.number().optional() }),
    success: { status: 200, about: "Done.", schema: z.object({ things: z.array(thing) }) },
    problems: [404],
    handler: async () => ({ body: { things: [] } }),
  });
  const document = JSON.parse(JSON.stringify(describeApi([route], { serverUrl: "/", version: "1" })));
  const operation = document.paths["/api/v1/things/{id}"].put;

  it("says what the schemas of the route say", () => {
    const body = operation.requestBody.content["application/json"].schema;
    assert.deepEqual(body.required, ["name"]);
    assert.equal(body.additionalProperties, false);
    assert.equal(body.properties.name.maxLength, 7);
    const parameters = Object.fromEntries(
      operation.parameters.map((parameter: { name: string }) => [parameter.name, parameter]),
    );
    assert.equal(parameters.id.in, "path");
    assert.equal(parameters.id.required, true);
    assert.equal(parameters.limit.required, false);
    assert.equal(parameters.limit.description, "How many.");
    assert.ok(parameters["If-Match"]);
  });

  it("writes a named schema once, and refers to it", () => {
    const items = operation.responses["200"].content["application/json"].schema.properties.things.items;
    assert.deepEqual(items, { $ref: "#/components/schemas/Thing" });
    assert.ok(document.components.schemas.Thing.properties.at);
    assert.equal(JSON.stringify(document).includes("$defs"), false);
  });

  it("lists the refusals, and what it needs", () => {
    assert.deepEqual(Object.keys(operation.responses).sort(), [
      "200",
      "400",
      "401",
      "403",
      "404",
      "412",
      "413",
      "415",
    ]);
    assert.match(operation.description, /`operator`/);
    assert.equal(operation.security.length, 3);
  });
});
