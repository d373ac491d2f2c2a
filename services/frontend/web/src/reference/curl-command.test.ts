import assert from "node:assert/strict";
import { curlCommand, serverUrlOf } from "./curl-command.ts";
import { groupOperations, operationsOf, type OpenApiDocument } from "./openapi-document.ts";
import { limitWords, typeWords } from "./schema-words.ts";

const problem = { description: "Refused." };
const document: OpenApiDocument = {
  openapi: "3.1.0",
  info: { title: "RCIoTS", version: "1" },
  servers: [{ url: "/" }],
  components: { schemas: { Greeting: { type: "object", properties: { text: { type: "string" } } } } },
  paths: {
    "/api/v1/things/{thingId}": {
      put: {
        operationId: "putThing",
        tags: ["Things"],
        summary: "Put a thing",
        description: "",
        security: [{ bearer: [] }],
        parameters: [
          { name: "thingId", in: "path", required: true, schema: { type: "string" } },
          { name: "path", in: "query", required: true, schema: { type: "string" } },
        ],
        requestBody: {
          content: {
            "application/json": {
              schema: {
                type: "object",
                required: ["name", "greetings"],
                properties: {
                  name: { type: "string", examples: ["it's"] },
                  greetings: {
                    type: "array",
                    items: { $ref: "#/components/schemas/Greeting" },
                    maxItems: 2_000,
                  },
                  left: { type: "string" },
                },
              },
            },
          },
        },
        responses: { "200": { description: "Put." }, "404": problem },
      },
    },
    "/api/v1/login": {
      post: {
        operationId: "login",
        tags: ["Account"],
        summary: "Sign in",
        description: "",
        security: [],
        parameters: [],
        responses: { "200": { description: "Signed in." } },
      },
    },
  },
};
const operations = operationsOf(document);
const [put, login] = operations;

describe("when a call is shown as a command", () => {
  it("keeps the token and the path's values out of it, and quotes the body", () => {
    assert.ok(put);
    const command = curlCommand(document, put, "https://console.example.com");
    assert.match(command, /"https:\/\/console\.example\.com\/api\/v1\/things\/\$THING_ID\?path=\.\.\."/);
    assert.match(command, /-X PUT/);
    assert.match(command, /Bearer \$RCIOTS_TOKEN"/);
    assert.match(command, /"name": "it'\\''s"/);
    assert.match(command, /"greetings": \[/);
    assert.equal(command.includes("left"), false);
  });

  it("asks for no token where none is needed", () => {
    assert.ok(login);
    assert.equal(curlCommand(document, login, "http://x").includes("TOKEN"), false);
  });

  it("goes where the document says, or to where it was read", () => {
    assert.equal(serverUrlOf(document, "http://here:1"), "http://here:1");
    assert.equal(
      serverUrlOf({ ...document, servers: [{ url: "https://there/" }] }, "http://here"),
      "https://there",
    );
  });
});

describe("when calls are searched and schemas put in words", () => {
  it("finds every word, in whatever part", () => {
    assert.deepEqual(
      groupOperations(operations, "THINGS put").map(({ tag }) => tag),
      ["Things"],
    );
    assert.deepEqual(
      groupOperations(operations, "").map(({ tag }) => tag),
      ["Account", "Things"],
    );
    assert.deepEqual(groupOperations(operations, "put nothing"), []);
  });

  it("names types and limits as a person would", () => {
    const greetings = put?.body?.schema?.properties?.["greetings"] ?? {};
    assert.equal(typeWords(document, greetings), "list of Greeting");
    assert.deepEqual(limitWords(greetings), ["at most 2,000"]);
    assert.equal(
      typeWords(document, { anyOf: [{ type: "integer" }, { type: "null" }] }),
      "whole number or null",
    );
    assert.equal(
      typeWords(document, { type: "string", pattern: "^dev_[0-9A-HJKMNP-TV-Z]{26}$" }),
      "identifier dev_...",
    );
  });
});
