import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isCaError, type CaErrorCode } from "./ca-error.ts";
import { signedObject } from "./certificate-extensions.ts";
import { createCsr } from "./csr-writer.ts";
import { maxCsrBytes, parseCsr } from "./csr.ts";
import { constructed, derNull, integer, sequence } from "./der-writer.ts";
import { generateKeyPair } from "./key-pair.ts";
import { encodeName } from "./names.ts";
import { oids } from "./object-identifiers.ts";
import { createOpensslFixture, createRandom, mutate, type OpensslFixture } from "./openssl.fixture.ts";
import { decodePem, encodePem } from "./pem.ts";
import { signWith } from "./signature-algorithm.ts";

const refusal = (code: CaErrorCode) => (error: unknown) => isCaError(error) && error.code === code;
const commonName = "edge-1";

describe("certificate requests", () => {
  let openssl: OpensslFixture;
  before(async () => {
    openssl = await createOpensslFixture();
  });
  after(() => openssl.remove());

  /** A request as another program makes it. */
  async function requestBy(
    name: string,
    genpkey: readonly string[],
    req: readonly string[] = [],
  ): Promise<string> {
    await openssl
      .run("genpkey", "-quiet", ...genpkey, "-out", `${name}.key`)
      .catch(() => openssl.run("genpkey", ...genpkey, "-out", `${name}.key`));
    await openssl.run(
      "req",
      "-new",
      "-key",
      `${name}.key`,
      "-subj",
      `/O=Any/CN=${commonName}`,
      ...req,
      "-out",
      `${name}.csr`,
    );
    return readFile(`${openssl.folder}/${name}.csr`, "utf8");
  }
  const ec = (curve: string) => ["-algorithm", "EC", "-pkeyopt", `ec_paramgen_curve:${curve}`];
  const rsa = (bits: number) => ["-algorithm", "RSA", "-pkeyopt", `rsa_keygen_bits:${bits}`];

  describe("when OpenSSL made a sound one", () => {
    for (const [keyType, arguments_] of [
      ["ec-p256", ec("P-256")],
      ["ec-p384", ec("P-384")],
      ["rsa-2048", rsa(2048)],
    ] as const) {
      it(`accepts ${keyType}, as PEM and as DER`, async () => {
        const pem = await requestBy(keyType, arguments_, ["-addext", "subjectAltName=DNS:evil.example.com"]);
        const csr = parseCsr(pem);
        assert.equal(csr.keyType, keyType);
        assert.deepEqual(
          csr.subject.map((attribute) => attribute.value),
          ["Any", commonName],
        );
        assert.equal(parseCsr(decodePem(pem).der).publicKeySha256, csr.publicKeySha256);
        assert.equal(
          parseCsr(Buffer.from(`\r\n${pem.replaceAll("\n", "\r\n")}\n`)).publicKeySha256,
          csr.publicKeySha256,
        );
      });
    }

    it("accepts SHA-384 and SHA-512", async () => {
      assert.equal(parseCsr(await requestBy("s384", ec("P-384"), ["-sha384"])).keyType, "ec-p384");
      assert.equal(parseCsr(await requestBy("s512", rsa(2048), ["-sha512"])).keyType, "rsa-2048");
    });
  });

  describe("when this package made one", () => {
    for (const curve of ["P-256", "P-384"] as const) {
      it(`verifies with OpenSSL on ${curve}`, async () => {
        const pem = createCsr({ privateKey: generateKeyPair(curve).privateKey, commonName });
        const path = await openssl.file("own.csr", pem);
        assert.match(await openssl.run("req", "-in", path, "-verify", "-noout"), /verify OK/);
        assert.equal(parseCsr(pem).subject[0]?.value, commonName);
      });
    }
  });

  describe("when the key is weak or of another kind", () => {
    const cases: [string, readonly string[], readonly string[], CaErrorCode][] = [
      ["P-224", ec("P-224"), [], "key_curve_unsupported"],
      ["P-521", ec("P-521"), [], "key_curve_unsupported"],
      ["secp256k1", ec("secp256k1"), [], "key_curve_unsupported"],
      ["brainpool", ec("brainpoolP256r1"), [], "key_curve_unsupported"],
      [
        "explicit curve parameters",
        [...ec("P-256"), "-pkeyopt", "ec_param_enc:explicit"],
        [],
        "key_curve_unsupported",
      ],
      ["Ed25519", ["-algorithm", "ED25519"], [], "key_type_unsupported"],
      [
        "RSA-PSS key",
        ["-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"],
        [],
        "key_type_unsupported",
      ],
      ["RSA 1024", rsa(1024), [], "key_rsa_too_small"],
      ["RSA with exponent 3", [...rsa(2048), "-pkeyopt", "rsa_keygen_pubexp:3"], [], "key_rsa_exponent"],
      ["SHA-1 with EC", ec("P-256"), ["-sha1"], "csr_signature_weak"],
      ["SHA-1 with RSA", rsa(2048), ["-sha1"], "csr_signature_weak"],
      ["MD5 with RSA", rsa(2048), ["-md5"], "csr_signature_weak"],
      ["SHA-224", ec("P-256"), ["-sha224"], "csr_signature_weak"],
      ["RSA-PSS signature", rsa(2048), ["-sigopt", "rsa_padding_mode:pss"], "csr_signature_unsupported"],
      ["SHA3-256", ec("P-256"), ["-sha3-256"], "csr_signature_unsupported"],
    ];
    for (const [name, genpkey, req, code] of cases) {
      it(`refuses ${name} (${code})`, async () => {
        const pem = await requestBy("weak", genpkey, req);
        assert.throws(() => parseCsr(pem), refusal(code));
      });
    }

    it("refuses a compressed point", async () => {
      const pem = await requestBy("compressed", [...ec("P-256")]);
      await openssl.run("ec", "-in", "compressed.key", "-conv_form", "compressed", "-out", "compressed2.key");
      await openssl.run(
        "req",
        "-new",
        "-key",
        "compressed2.key",
        "-subj",
        "/CN=x",
        "-out",
        "compressed2.csr",
      );
      const compressed = await readFile(`${openssl.folder}/compressed2.csr`, "utf8");
      assert.ok(compressed.length < pem.length);
      assert.throws(() => parseCsr(compressed), refusal("key_malformed"));
    });
  });

  describe("when the proof of possession fails", () => {
    const own = generateKeyPair();
    const build = (key: KeyObject, signer: KeyObject, algorithm: Buffer): Buffer => {
      const info = sequence(
        integer(0),
        encodeName({ commonName }),
        key.export({ type: "spki", format: "der" }),
        constructed(0),
      );
      return signedObject(info, algorithm, signWith(signer, info));
    };

    it("refuses somebody else's public key", () => {
      const request = build(own.publicKey, generateKeyPair().privateKey, sequence(oids.ecdsaWithSha256));
      assert.throws(() => parseCsr(request), refusal("csr_signature_invalid"));
    });

    it("refuses an algorithm of another key type or with parameters", () => {
      const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
      assert.throws(
        () => parseCsr(build(publicKey, privateKey, sequence(oids.ecdsaWithSha256))),
        refusal("csr_signature_mismatch"),
      );
      assert.throws(
        () => parseCsr(build(own.publicKey, own.privateKey, sequence(oids.ecdsaWithSha256, derNull))),
        refusal("csr_signature_mismatch"),
      );
      assert.throws(
        () => parseCsr(build(publicKey, privateKey, sequence(oids.sha256WithRsa))),
        refusal("csr_signature_mismatch"),
      );
      assert.equal(
        parseCsr(build(publicKey, privateKey, sequence(oids.sha256WithRsa, derNull))).keyType,
        "rsa-2048",
      );
    });

    it("refuses a changed subject", () => {
      const { der } = decodePem(createCsr({ privateKey: own.privateKey, commonName }));
      der.write("edge-2", der.indexOf(commonName));
      assert.throws(() => parseCsr(der), refusal("csr_signature_invalid"));
    });
  });

  describe("when the form is wrong", () => {
    const { privateKey } = generateKeyPair();
    const pem = createCsr({ privateKey, commonName });
    const { der } = decodePem(pem);
    const wrap = (label: string) => encodePem(label, der);
    const withPadding = Buffer.concat([der, Buffer.from([0])]);
    const info = (version: number): Buffer => {
      const key = generateKeyPair();
      const body = sequence(
        integer(version),
        encodeName({ commonName }),
        key.publicKey.export({ type: "spki", format: "der" }),
        constructed(0),
      );
      return signedObject(body, sequence(oids.ecdsaWithSha256), signWith(key.privateKey, body));
    };
    const cases: [string, string | Buffer, CaErrorCode][] = [
      ["nothing", "", "csr_pem_invalid"],
      ["no bytes", Buffer.alloc(0), "csr_pem_invalid"],
      ["plain text", "hello", "csr_pem_invalid"],
      ["a certificate", wrap("CERTIFICATE"), "csr_pem_invalid"],
      ["a private key", wrap("PRIVATE KEY"), "csr_pem_invalid"],
      ["no end line", pem.replace(/-----END.*\n/, ""), "csr_pem_invalid"],
      ["another end line", pem.replace("END CERTIFICATE REQUEST", "END CERTIFICATE"), "csr_pem_invalid"],
      ["base64 of another alphabet", pem.replace(/\n(.)/, "\n*"), "csr_pem_invalid"],
      ["base64 that is cut", pem.replace(/.\n-----END/, "\n-----END"), "csr_pem_invalid"],
      ["two blocks", pem + pem, "csr_several_blocks"],
      ["text after the block", `${pem}hello\n`, "csr_trailing_data"],
      ["bytes after the DER", withPadding, "csr_trailing_data"],
      ["bytes after the DER in PEM", encodePem("CERTIFICATE REQUEST", withPadding), "csr_trailing_data"],
      ["a cut DER", der.subarray(0, -1), "csr_malformed"],
      [
        "an indefinite length",
        Buffer.concat([Buffer.from([0x30, 0x80]), der.subarray(4), Buffer.from([0, 0])]),
        "csr_malformed",
      ],
      ["a padded length", Buffer.concat([Buffer.from([0x30, 0x83, 0]), der.subarray(2)]), "csr_malformed"],
      ["an empty sequence", Buffer.from([0x30, 0]), "csr_malformed"],
      ["one byte", Buffer.from([0x30]), "csr_malformed"],
      [
        "deep nesting",
        Buffer.concat(
          Array.from({ length: 4000 }, (_, depth) =>
            Buffer.from([0x30, 0x82, ((3999 - depth) * 4) >> 8, ((3999 - depth) * 4) & 0xff]),
          ),
        ),
        "csr_malformed",
      ],
      ["version 1", info(1), "csr_version_unsupported"],
      ["16 KiB and one byte", "A".repeat(maxCsrBytes + 1), "csr_too_large"],
      ["16 KiB and one byte of DER", Buffer.alloc(maxCsrBytes + 1, 0x30), "csr_too_large"],
    ];
    for (const [name, input, code] of cases) {
      it(`refuses ${name} (${code})`, () => {
        assert.throws(() => parseCsr(input), refusal(code));
      });
    }

    it("stays quick on texts that make backtracking parsers slow", () => {
      const texts = [
        " ".repeat(maxCsrBytes),
        "-----BEGIN ".repeat(1400),
        `-----BEGIN CERTIFICATE REQUEST-----\n${"A\n".repeat(8000)}`,
        `-----BEGIN ${"A ".repeat(8000)}`,
        "\n".repeat(maxCsrBytes),
      ];
      // Backtracking would take minutes; a busy machine takes a moment.
      const start = performance.now();
      for (const text of texts) assert.throws(() => parseCsr(text), isCaError);
      assert.ok(performance.now() - start < 10_000, `${performance.now() - start} ms`);
    });
  });

  describe("when thousands of damaged requests come", () => {
    const seed = Date.now() >>> 0;

    it("refuses each with an error of its own (DER, 6,000 mutations)", () => {
      const random = createRandom(seed);
      const rsaKey = generateKeyPairSync("rsa", { modulusLength: 2048 });
      const originals = [
        generateKeyPair().privateKey,
        generateKeyPair("P-384").privateKey,
        rsaKey.privateKey,
      ].map((privateKey) => decodePem(createCsr({ privateKey, commonName })).der);
      const codes = new Map<string, number>();
      for (let count = 0; count < 6_000; count += 1) {
        const original = originals[count % originals.length] ?? Buffer.alloc(0);
        const mutated = mutate(original, random);
        if (mutated.equals(original)) continue;
        try {
          parseCsr(mutated);
          assert.fail(`seed ${seed}: accepted ${mutated.toString("hex")}`);
        } catch (error) {
          assert.ok(isCaError(error), `seed ${seed}: ${String(error)}`);
          codes.set(error.code, (codes.get(error.code) ?? 0) + 1);
        }
      }
      assert.ok(codes.size >= 5, `only ${[...codes.keys()].join(", ")}`);
    });

    it("never fails in another way (PEM, 3,000 mutations)", () => {
      const random = createRandom(seed);
      const original = Buffer.from(createCsr({ privateKey: generateKeyPair().privateKey, commonName }));
      for (let count = 0; count < 3_000; count += 1) {
        try {
          parseCsr(mutate(original, random));
        } catch (error) {
          assert.ok(isCaError(error), `seed ${seed}: ${String(error)}`);
        }
      }
    });
  });
});
