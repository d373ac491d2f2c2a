import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { isAppError } from "./app-error.ts";
import { createSealer, createVault, parseMasterKey, parseMasterKeys, type Vault } from "./vault.ts";

const newKey = (id?: string) =>
  parseMasterKey(randomBytes(32).toString("base64"), id === undefined ? {} : { id });
const refusal = (code: string) => (error: unknown) => isAppError(error) && error.code === code;

describe("vault", () => {
  let vault: Vault;
  beforeEach(() => {
    vault = createVault({ masterKeys: [newKey("a")] });
  });

  describe("when a secret is encrypted", () => {
    it("opens with the same data key and context", () => {
      const dataKey = vault.createDataKey();
      const value = vault.encrypt("pässword", dataKey, "secret:1");
      assert.equal(vault.decrypt(value, dataKey, "secret:1").toString("utf8"), "pässword");
      assert.ok(!value.includes("pässword"));
    });

    it("opens an empty one, and gives two different values for one text", () => {
      const dataKey = vault.createDataKey();
      const values = [vault.encrypt("", dataKey, "x"), vault.encrypt("", dataKey, "x")];
      assert.notEqual(values[0], values[1]);
      for (const value of values) assert.equal(vault.decrypt(value, dataKey, "x").length, 0);
    });

    it("does not open in another context", () => {
      const dataKey = vault.createDataKey();
      const value = vault.encrypt("text", dataKey, "secret:1");
      assert.throws(() => vault.decrypt(value, dataKey, "secret:2"), refusal("vault_damaged"));
    });

    it("does not open with another organisation's data key, even under the same id", () => {
      const [own, other] = [vault.createDataKey(), vault.createDataKey()];
      const value = vault.encrypt("text", own, "secret:1");
      assert.throws(() => vault.decrypt(value, other, "secret:1"), refusal("vault_key_unknown"));
      assert.throws(
        () => vault.decrypt(value, { id: own.id, key: other.key }, "secret:1"),
        refusal("vault_damaged"),
      );
    });

    it("refuses every single changed character", () => {
      const dataKey = vault.createDataKey();
      const value = vault.encrypt("text", dataKey, "secret:1");
      for (let at = 0; at < value.length; at += 1) {
        const changed = value.slice(0, at) + (value[at] === "A" ? "B" : "A") + value.slice(at + 1);
        assert.throws(() => vault.decrypt(changed, dataKey, "secret:1"), isAppError, `position ${at}`);
      }
    });

    it("refuses truncated, extended and foreign text", () => {
      const dataKey = vault.createDataKey();
      const value = vault.encrypt("text", dataKey, "c");
      for (const text of [
        value.slice(0, -1),
        value.slice(0, -24),
        `${value}A`,
        `${value}.x`,
        "",
        "rv1",
        "rv1.data.x.",
        "....",
      ]) {
        assert.throws(() => vault.decrypt(text, dataKey, "c"), isAppError, text);
      }
    });

    it("refuses more than 16 MiB", () => {
      assert.throws(
        () => vault.encrypt(Buffer.alloc(16 * 1024 * 1024 + 1), vault.createDataKey(), "c"),
        refusal("vault_too_large"),
      );
    });
  });

  describe("when a data key is wrapped", () => {
    it("comes back the same for its owner only", () => {
      const dataKey = vault.createDataKey();
      const wrapped = vault.wrapDataKey(dataKey, "org_1");
      const back = vault.unwrapDataKey(wrapped, "org_1");
      assert.equal(back.id, dataKey.id);
      assert.ok(back.key.equals(dataKey.key));
      assert.throws(() => vault.unwrapDataKey(wrapped, "org_2"), refusal("vault_damaged"));
    });

    it("does not pass for a sealed value, nor the other way round", () => {
      assert.throws(
        () => vault.open(vault.wrapDataKey(vault.createDataKey(), "x"), "x"),
        refusal("vault_damaged"),
      );
      assert.throws(
        () => vault.unwrapDataKey(vault.seal(Buffer.alloc(44), "x"), "x"),
        refusal("vault_damaged"),
      );
    });

    it("does not show keys to an inspector", () => {
      const key = randomBytes(32);
      const shown = inspect([parseMasterKey(key), vault.createDataKey()], { depth: 9, showHidden: true });
      assert.ok(!shown.includes(key.toString("hex")) && !shown.includes(key.toString("base64")));
      assert.ok(!/<Buffer/.test(shown));
    });
  });

  describe("when the master key rotates", () => {
    const [old, next] = [newKey("old"), newKey("next")];
    const before = createVault({ masterKeys: [old] });
    const during = createVault({ masterKeys: [next, old] });
    const after = createVault({ masterKeys: [next] });

    it("reads what the old key wrote, and writes with the new one", () => {
      const wrapped = before.wrapDataKey(before.createDataKey(), "org");
      assert.equal(during.unwrapDataKey(wrapped, "org").key.symmetricKeySize, 32);
      assert.equal(during.isCurrent(wrapped), false);
      assert.ok(after.open(during.seal(Buffer.from("x"), "a"), "a").equals(Buffer.from("x")));
    });

    it("lets a replica that still writes with the old key read what the new one wrote", () => {
      const behind = createVault({ masterKeys: [old, next] });
      assert.equal(behind.open(during.seal(Buffer.from("x"), "a"), "a").toString(), "x");
    });

    it("rewraps keys and sealed values, so that the old key can go", () => {
      const dataKey = before.createDataKey();
      const secret = before.encrypt("text", dataKey, "s");
      const wrapped = during.rewrap(before.wrapDataKey(dataKey, "org"), "org");
      const sealed = during.rewrap(before.seal(Buffer.from("x"), "a"), "a");
      assert.equal(after.decrypt(secret, after.unwrapDataKey(wrapped, "org"), "s").toString(), "text");
      assert.equal(after.open(sealed, "a").toString(), "x");
      assert.equal(during.rewrap(wrapped, "org"), wrapped);
    });

    it("names a key it does not have", () => {
      assert.throws(() => after.open(before.seal(Buffer.from("x"), "a"), "a"), refusal("vault_key_unknown"));
    });

    it("refuses to rewrap for another owner", () => {
      const wrapped = before.wrapDataKey(before.createDataKey(), "org_1");
      assert.throws(() => during.rewrap(wrapped, "org_2"), refusal("vault_damaged"));
    });
  });

  describe("when master keys are read", () => {
    const bytes = randomBytes(32);

    it("accepts base64, base64url, hex and raw bytes, and derives one id", () => {
      const forms = [
        bytes.toString("base64"),
        `${bytes.toString("base64url")}\n`,
        bytes.toString("hex"),
        bytes,
        Buffer.from(` ${bytes.toString("hex")}\n`),
      ];
      const keys = forms.map((form) => parseMasterKey(form));
      for (const key of keys) {
        assert.ok(key.key.export().equals(bytes));
        assert.equal(key.id, keys[0]?.id);
      }
      assert.match(keys[0]?.id ?? "", /^[0-9a-f]{16}$/);
    });

    it("does not overwrite the caller's bytes", () => {
      const own = Buffer.from(bytes);
      parseMasterKey(own);
      assert.ok(own.equals(bytes));
    });

    it("refuses wrong lengths, other text and placeholders, without repeating them", () => {
      for (const text of [
        "",
        "hunter2hunter2",
        bytes.toString("hex").slice(2),
        randomBytes(31),
        randomBytes(33),
        Buffer.alloc(32),
        "A".repeat(43),
        "0123".repeat(16),
      ]) {
        assert.throws(
          () => parseMasterKey(text),
          (error) =>
            refusal("vault_key_invalid")(error) &&
            !(typeof text === "string" && text !== "" && String(error).includes(text)),
        );
      }
    });

    it("reads several, the first one for writing", () => {
      const keys = parseMasterKeys(`${bytes.toString("hex")},\n ${randomBytes(32).toString("base64")}\n`);
      assert.equal(keys.length, 2);
      assert.equal(createVault({ masterKeys: keys }).currentKeyId, keys[0]?.id);
    });

    it("refuses none, two of one id, and bad ids", () => {
      assert.throws(() => createVault({ masterKeys: [] }), refusal("vault_key_invalid"));
      assert.throws(
        () => createVault({ masterKeys: [newKey("a"), newKey("a")] }),
        refusal("vault_key_invalid"),
      );
      assert.throws(() => newKey("a.b"), refusal("vault_key_invalid"));
    });
  });

  describe("when a sealer stands for one organisation", () => {
    it("opens its own values only", () => {
      const [own, other] = [createSealer(vault.createDataKey()), createSealer(vault.createDataKey())];
      const sealed = own.seal(Buffer.from("key"), "ca");
      assert.equal(own.open(sealed, "ca").toString(), "key");
      assert.throws(() => other.open(sealed, "ca"), isAppError);
    });
  });
});
