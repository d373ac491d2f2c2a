import assert from "node:assert/strict";
import {
  AppError,
  createLogger,
  hashToken,
  isId,
  isSameHash,
  newId,
  newToken,
  toPublicError,
} from "./index.ts";

describe("when identifiers are made", () => {
  it("makes them unique, sorted by time, and recognisable", () => {
    const ids = Array.from({ length: 1_000 }, () => newId("dev"));
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(ids.every((id) => isId("dev", id)));
    assert.ok(newId("dev", 1_000) < newId("dev", 2_000));
    for (const wrong of ["dev_", "org_01J8ZQ4T3V5W6X7Y8Z9A0B1C2D", `${ids[0]}x`, 7, null])
      assert.equal(isId("dev", wrong), false);
  });
});

describe("when tokens are made", () => {
  it("hashes them for the store, and compares hashes of any length", () => {
    const token = newToken("rcp");
    assert.match(token, /^rcp_[A-Za-z0-9_-]{43}$/);
    assert.equal(isSameHash(hashToken(token), hashToken(token)), true);
    assert.equal(isSameHash(hashToken(token), hashToken(`${token}x`)), false);
    assert.equal(isSameHash(hashToken(token), ""), false);
  });
});

describe("when an error leaves the platform", () => {
  it("shows what was meant to be shown, and nothing of the rest", () => {
    const cause = new Error("password is hunter2");
    const shown = toPublicError(new AppError({ code: "teapot", status: 418, message: "I am one.", cause }));
    assert.deepEqual(shown, { code: "teapot", status: 418, message: "I am one." });
    assert.deepEqual(toPublicError(cause).code, "internal_error");
    assert.ok(!JSON.stringify(toPublicError(cause)).includes("hunter2"));
  });
});

describe("when a secret reaches the log by mistake", () => {
  it("blanks it", () => {
    const lines: string[] = [];
    const logger = createLogger({ level: "info", write: (line) => lines.push(line) });
    logger.child({ deviceId: "d" }).info({ token: "rcp_abc", nested: { password: "hunter2" } }, "hello");
    assert.equal(lines.length, 1);
    assert.ok(!/rcp_abc|hunter2/.test(lines[0] ?? ""));
    assert.match(lines[0] ?? "", /"deviceId":"d"/);
  });
});
