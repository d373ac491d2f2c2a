import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { isCaError, type CaErrorCode } from "./ca-error.ts";
import { bitString, derNull, integer, sequence } from "./der-writer.ts";
import { generateKeyPair } from "./key-pair.ts";
import { dottedOids } from "./object-identifiers.ts";
import { checkKeyObject, checkPublicKey } from "./public-key.policy.ts";
import { hasRocaFingerprint, hasSmallFactor } from "./rsa-weakness.ts";
import forge from "node-forge";

const refusal = (code: CaErrorCode) => (error: unknown) => isCaError(error) && error.code === code;

function rsaKeyInfo(modulus: bigint, exponent = 65_537n): Buffer {
  const oid = Buffer.from(forge.asn1.oidToDer(dottedOids.rsaEncryption).getBytes(), "latin1");
  const algorithm = sequence(Buffer.concat([Buffer.from([6, oid.length]), oid]), derNull);
  return sequence(algorithm, bitString(sequence(integer(modulus), integer(exponent))));
}

/** The modulus of a real key. */
function modulusOf(bits: number): bigint {
  const { n = "" } = generateKeyPairSync("rsa", { modulusLength: bits }).publicKey.export({ format: "jwk" });
  return BigInt(`0x${Buffer.from(n, "base64url").toString("hex")}`);
}

/** A number that looks like a product of two primes of the faulty generator, of `bits` bits. */
function rocaModulus(bits: number): bigint {
  const primes = Array.from({ length: 84 }, (_, index) => BigInt(2 * index + 1)).filter(
    (n) => n > 1n && !hasDivisor(n),
  );
  const primorial = primes.reduce((product, prime) => product * prime, 2n);
  let power = 1n;
  for (let count = 0; count < 12_345; count += 1) power = (power * 65_537n) % primorial;
  let modulus = ((1n << BigInt(bits - 1)) / primorial + 1n) * primorial + power;
  while (hasSmallFactor(modulus)) modulus += primorial;
  return modulus;
}

function hasDivisor(candidate: bigint): boolean {
  for (let divisor = 2n; divisor * divisor <= candidate; divisor += 1n)
    if (candidate % divisor === 0n) return true;
  return false;
}

describe("public key policy", () => {
  const sound = modulusOf(2048);

  describe("when an RSA key is judged", () => {
    it("accepts a sound one", () => {
      assert.equal(checkPublicKey(rsaKeyInfo(sound)).keyType, "rsa-2048");
    });

    for (const [name, exponent] of [
      ["1", 1n],
      ["3", 3n],
      ["65535", 65_535n],
      ["an even number", 65_538n],
      ["2^256 + 1", (1n << 256n) + 1n],
    ] as const) {
      it(`refuses the exponent ${name}`, () => {
        assert.throws(() => checkPublicKey(rsaKeyInfo(sound, exponent)), refusal("key_rsa_exponent"));
      });
    }

    it("refuses sizes outside 2048 to 4096 before it computes with them", () => {
      const odd = (bits: number) => (1n << BigInt(bits - 1)) + 1n;
      assert.throws(() => checkPublicKey(rsaKeyInfo(odd(2047))), refusal("key_rsa_too_small"));
      assert.throws(() => checkPublicKey(rsaKeyInfo(odd(4097))), refusal("key_rsa_too_large"));
      assert.throws(() => checkPublicKey(rsaKeyInfo(odd(60_000))), refusal("key_rsa_too_large"));
    });

    it("refuses even moduli, small factors and ROCA keys", () => {
      const base = 1n << 2047n;
      assert.throws(() => checkPublicKey(rsaKeyInfo(base)), refusal("key_rsa_weak"));
      assert.throws(() => checkPublicKey(rsaKeyInfo((base / 751n + 1n) * 751n)), refusal("key_rsa_weak"));
      const roca = rocaModulus(2048);
      assert.equal(hasSmallFactor(roca), false);
      assert.throws(() => checkPublicKey(rsaKeyInfo(roca)), refusal("key_rsa_weak"));
    });

    it("does not take random moduli for ROCA keys", () => {
      for (let count = 0; count < 200; count += 1)
        assert.equal(hasRocaFingerprint(BigInt(`0x${randomBytes(256).toString("hex")}`)), false);
    });
  });

  describe("when an EC point is not on the curve", () => {
    it("refuses it", () => {
      const info = generateKeyPair().publicKey.export({ type: "spki", format: "der" });
      info.writeUInt8(info.readUInt8(info.length - 1) ^ 1, info.length - 1);
      assert.throws(() => checkPublicKey(info), refusal("key_malformed"));
    });
  });

  describe("when an EC point is in the hybrid form", () => {
    it("refuses it, though OpenSSL reads it", () => {
      const info = generateKeyPair().publicKey.export({ type: "spki", format: "der" });
      info.writeUInt8(0x06 | (info.readUInt8(info.length - 1) & 1), info.length - 65);
      assert.ok(createPublicKey({ key: info, format: "der", type: "spki" }));
      assert.throws(() => checkPublicKey(info), refusal("key_malformed"));
    });
  });

  describe("when it is a key object", () => {
    it("judges the public half", () => {
      assert.equal(checkKeyObject(generateKeyPair().privateKey).keyType, "ec-p256");
      assert.throws(
        () => checkKeyObject(generateKeyPairSync("ed25519").publicKey),
        refusal("key_type_unsupported"),
      );
      assert.throws(
        () => checkKeyObject(generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey),
        refusal("key_curve_unsupported"),
      );
    });
  });
});
