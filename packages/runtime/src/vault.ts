import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  randomBytes,
  type KeyObject,
} from "node:crypto";
import { AppError } from "./app-error.ts";

/** 32 bytes, held as a key object so that no log or inspector shows them. */
export interface MasterKey {
  /** 1 to 64 of A-Z a-z 0-9 _ and -. Stands in clear before everything this key encrypts. */
  readonly id: string;
  readonly key: KeyObject;
}

/** The key of one organisation; stored wrapped, by a master key. */
export interface DataKey {
  readonly id: string;
  readonly key: KeyObject;
}

/** Encrypts for one owner; what CA keys are sealed with. Throws as `Vault.decrypt` does. */
export interface Sealer {
  seal(bytes: Uint8Array, aad: string): string;
  open(sealed: string, aad: string): Buffer;
}

/** As a sealer it uses the master key itself: for what belongs to the platform and to no organisation. */
export interface Vault extends Sealer {
  /** The master key new values are written under. */
  readonly currentKeyId: string;
  createDataKey(): DataKey;
  /** @param owner is bound to the result: the organisation's id */
  wrapDataKey(dataKey: DataKey, owner: string): string;
  unwrapDataKey(wrapped: string, owner: string): DataKey;
  /**
   * Encrypts a secret of an organisation.
   * @param aad what the value belongs to, for example `secret:<id>`: it opens with the same text only
   */
  encrypt(plaintext: string | Uint8Array, dataKey: DataKey, aad: string): string;
  /** @throws AppError `vault_key_unknown` for another data key, `vault_damaged` for damage or another `aad` */
  decrypt(value: string, dataKey: DataKey, aad: string): Buffer;
  /** Under the current master key; `value` itself when it is already. For `seal` and `wrapDataKey` alike. */
  rewrap(value: string, aad: string): string;
  /** True when `rewrap` would change nothing. */
  isCurrent(value: string): boolean;
}

const version = "rv1";
const nonceBytes = 12;
const tagBytes = 16;
const dataKeyIdBytes = 12;
/** Secrets are small; this bounds a mistake. */
const maxPlaintextBytes = 16 * 1024 * 1024;

/** Tells the three uses of a key apart: a value of one never opens as another. */
type Use = "seal" | "wrap" | "data";

const fault = (code: string, message: string, cause?: unknown): AppError =>
  new AppError({ code, status: 500, message, cause });

/**
 * AES-256-GCM, random 96-bit nonce. `version.use.keyId` in front is authenticated together with `aad`, so
 * neither can be exchanged. With random nonces a key is good for 2^32 values (NIST SP 800-38D, 8.3), far
 * above what one organisation stores.
 */
function encryptWith(use: Use, keyId: string, key: KeyObject, plaintext: Uint8Array, aad: string): string {
  if (plaintext.length > maxPlaintextBytes)
    throw fault("vault_too_large", `At most ${maxPlaintextBytes} bytes can be encrypted.`);
  const head = `${version}.${use}.${keyId}`;
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(Buffer.from(`${head}.${aad}`, "utf8"));
  const body = Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  return `${head}.${body.toString("base64url")}`;
}

interface Parsed {
  readonly use: string;
  readonly keyId: string;
  readonly body: Buffer;
}

function parse(value: string): Parsed {
  const [found, use = "", keyId = "", text = "", ...rest] = value.split(".", 5);
  const body = Buffer.from(text, "base64url");
  const isWhole = body.length >= nonceBytes + tagBytes && body.toString("base64url") === text;
  if (found !== version || !isWhole || rest.length > 0)
    throw fault("vault_damaged", "The encrypted value is damaged.");
  return { use, keyId, body };
}

function decryptWith(use: Use, { keyId, body, ...parsed }: Parsed, key: KeyObject, aad: string): Buffer {
  if (parsed.use !== use) throw fault("vault_damaged", "The encrypted value was made for another use.");
  const decipher = createDecipheriv("aes-256-gcm", key, body.subarray(0, nonceBytes), {
    authTagLength: tagBytes,
  });
  decipher.setAAD(Buffer.from(`${version}.${use}.${keyId}.${aad}`, "utf8"));
  decipher.setAuthTag(body.subarray(-tagBytes));
  try {
    return Buffer.concat([decipher.update(body.subarray(nonceBytes, -tagBytes)), decipher.final()]);
  } catch (error) {
    throw fault("vault_damaged", "The encrypted value is damaged or belongs to something else.", error);
  }
}

/** `Vault.encrypt` for a process that holds the data key only. */
export function encrypt(plaintext: string | Uint8Array, dataKey: DataKey, aad: string): string {
  const bytes = typeof plaintext === "string" ? Buffer.from(plaintext, "utf8") : plaintext;
  return encryptWith("data", dataKey.id, dataKey.key, bytes, aad);
}

/** `Vault.decrypt` for a process that holds the data key only. */
export function decrypt(value: string, dataKey: DataKey, aad: string): Buffer {
  const parsed = parse(value);
  if (parsed.keyId !== dataKey.id)
    throw fault("vault_key_unknown", "The value was encrypted with another data key.");
  return decryptWith("data", parsed, dataKey.key, aad);
}

/** A sealer of one organisation, from its data key. */
export function createSealer(dataKey: DataKey): Sealer {
  return {
    seal: (bytes, aad) => encrypt(bytes, dataKey, aad),
    open: (sealed, aad) => decrypt(sealed, dataKey, aad),
  };
}

/**
 * Envelope encryption: the master key wraps one data key per organisation, and that encrypts. To rotate the
 * master key, put the new one in front, restart the replicas one by one (each must know the new key before
 * any writes with it: add it last first, then move it to the front), rewrap what is stored, drop the old.
 * @param options.masterKeys the first one writes, all of them read
 * @throws AppError `vault_key_invalid` for no key, a bad id, or two keys of one id
 */
export function createVault({ masterKeys }: { masterKeys: readonly MasterKey[] }): Vault {
  const keys = new Map(masterKeys.map((masterKey) => [masterKey.id, masterKey.key]));
  const [current] = masterKeys;
  if (current === undefined || keys.size !== masterKeys.length) {
    throw fault("vault_key_invalid", "One master key at least is needed, and their ids have to differ.");
  }
  masterKeys.forEach(checkMasterKey);

  const writeWith = (use: Use, bytes: Uint8Array, aad: string): string =>
    encryptWith(use, current.id, current.key, bytes, aad);
  const read = (use: Use, value: string, aad: string): Buffer => {
    const parsed = parse(value);
    const key = keys.get(parsed.keyId);
    if (key === undefined)
      throw fault("vault_key_unknown", `The master key "${parsed.keyId.slice(0, 64)}" is not configured.`);
    return decryptWith(use, parsed, key, aad);
  };
  const isCurrent = (value: string): boolean => parse(value).keyId === current.id;

  return {
    currentKeyId: current.id,
    isCurrent,
    encrypt,
    decrypt,
    seal: (bytes, aad) => writeWith("seal", bytes, aad),
    open: (sealed, aad) => read("seal", sealed, aad),
    createDataKey: () => ({
      id: randomBytes(dataKeyIdBytes).toString("base64url"),
      key: createSecretKey(randomBytes(32)),
    }),
    wrapDataKey: ({ id, key }, owner) =>
      writeWith("wrap", Buffer.concat([Buffer.from(id, "base64url"), key.export()]), owner),
    unwrapDataKey(wrapped, owner) {
      const bytes = read("wrap", wrapped, owner);
      if (bytes.length !== dataKeyIdBytes + 32) throw fault("vault_damaged", "The data key is damaged.");
      const id = bytes.subarray(0, dataKeyIdBytes).toString("base64url");
      return { id, key: createSecretKey(bytes.subarray(dataKeyIdBytes)) };
    },
    rewrap(value, aad) {
      if (isCurrent(value)) return value;
      const use = parse(value).use === "wrap" ? "wrap" : "seal"; // "data" fails in read, as it should
      return writeWith(use, read(use, value, aad), aad);
    },
  };
}

function checkMasterKey({ id, key }: MasterKey): void {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(id) || key.symmetricKeySize !== 32) {
    throw fault(
      "vault_key_invalid",
      "A master key has 32 bytes and an id of 1 to 64 letters, digits, _ and -.",
    );
  }
}

/**
 * Reads one master key: 32 bytes as base64, base64url or hex text (white space around it is ignored), or
 * the 32 bytes themselves, as a mounted secret may hold.
 * @param options.id default: derived from the key, so that configuration needs no ids
 * @throws AppError `vault_key_invalid`; the message never holds any of the text
 */
export function parseMasterKey(input: string | Uint8Array, options: { id?: string } = {}): MasterKey {
  const bytes =
    typeof input !== "string" && input.length === 32
      ? Buffer.from(input)
      : decodeKeyText(Buffer.from(input).toString("latin1").trim());
  // 32 random bytes hold about 30 different values; fewer than 8 mean a placeholder.
  if (bytes?.length !== 32 || new Set(bytes).size < 8) {
    throw fault(
      "vault_key_invalid",
      "A master key is 32 random bytes in base64 or hex, for example from `openssl rand -base64 32`.",
    );
  }
  const derivedId = createHmac("sha256", bytes).update("rciots master key id").digest("hex").slice(0, 16);
  const masterKey = { id: options.id ?? derivedId, key: createSecretKey(bytes) };
  bytes.fill(0);
  checkMasterKey(masterKey);
  return masterKey;
}

/** Several, separated by commas or white space; the first one writes. */
export function parseMasterKeys(text: string): MasterKey[] {
  return text
    .split(/[\s,]+/)
    .filter((part) => part !== "")
    .map((part) => parseMasterKey(part));
}

function decodeKeyText(text: string): Buffer | undefined {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, "hex");
  return /^[A-Za-z0-9+/_-]{43}=?$/.test(text) ? Buffer.from(text, "base64") : undefined;
}
