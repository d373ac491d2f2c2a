import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { createCsr, exportPrivateKeyPem, generateKeyPair } from "@rciots/ca";
import { createLoop, errorMessage, sleep, type Logger, type Loop, type Vault } from "@rciots/runtime";
import type { Store } from "@rciots/store";
import type { RemoteSigner } from "./remote-signer.ts";

export interface EdgeCertificate {
  /** Key and chain, in PEM. */
  key: string;
  cert: string;
}

export interface EdgeCertificates {
  /** Reads what is shared, or has it made; waits for enrolment where there is nothing yet. */
  load(signal: AbortSignal): Promise<void>;
  /** Throws before `load`. */
  current(): EdgeCertificate;
  /** `ok`, or what is wrong. */
  check(): string;
  loop: Loop;
}

/** Reached under these in any case: by the machine itself, in containers, in tests. */
const ownNames = ["localhost", "127.0.0.1", "::1"];
const leaseMs = 30_000;
const intervalMs = 60_000;
const retryMs = 1_000;
/** Made anew when this part of its life is left. */
const renewPart = 1 / 3;

/**
 * The server certificate of the device channel, of the platform's own CA. A connector makes the key, enrolment
 * signs, and both lie sealed in the store for every connector of the same names: one that starts while nobody
 * enrols finds them there.
 */
export function createEdgeCertificates(options: {
  store: Pick<Store, "platformValues" | "leases">;
  vault: Pick<Vault, "seal" | "open">;
  signer: Pick<RemoteSigner, "sign">;
  names: string[];
  holder: string;
  onChange: (certificate: EdgeCertificate) => void;
  logger: Logger;
  now?: () => number;
}): EdgeCertificates {
  const { store, vault, signer, holder, onChange, logger, now = Date.now } = options;
  const names = [...new Set([...options.names.map((name) => name.toLowerCase()), ...ownNames])].sort();
  const digest = createHash("sha256").update(names.join(",")).digest("hex").slice(0, 16);
  const valueName = `edge-certificate/${digest}`;
  const aad = `platform:${valueName}`;
  let held: EdgeCertificate | undefined;

  function isDue({ cert }: EdgeCertificate): boolean {
    const { validFrom, validTo } = new X509Certificate(cert);
    const [from, to] = [new Date(validFrom).getTime(), new Date(validTo).getTime()];
    return now() > to - (to - from) * renewPart;
  }

  async function readStored(): Promise<EdgeCertificate | undefined> {
    const sealed = await store.platformValues.get(valueName);
    if (sealed === undefined) return undefined;
    try {
      const stored = JSON.parse(vault.open(sealed, aad).toString("utf8")) as EdgeCertificate;
      const isPair = new X509Certificate(stored.cert).checkPrivateKey(createPrivateKey(stored.key));
      return isPair ? stored : undefined;
    } catch (error) {
      logger.warn({ error: errorMessage(error) }, "edge certificate can't be opened and is replaced");
      return undefined;
    }
  }

  async function make(): Promise<EdgeCertificate> {
    const { privateKey } = generateKeyPair();
    const csr = createCsr({ privateKey, commonName: names[0] ?? "edge" });
    const { certificateChain } = await signer.sign({ kind: "server", csr, names });
    if (!new X509Certificate(certificateChain).checkPrivateKey(privateKey))
      throw new Error("The certificate that came is not for the key it was asked for.");
    const made = { key: exportPrivateKeyPem(privateKey), cert: certificateChain };
    await store.platformValues.set(valueName, vault.seal(Buffer.from(JSON.stringify(made), "utf8"), aad));
    return made;
  }

  /** By one connector; the others find the result at their next look. */
  async function renew(): Promise<EdgeCertificate | undefined> {
    if (!(await store.leases.claim(valueName, holder, leaseMs))) return undefined;
    try {
      const stored = await readStored();
      return stored === undefined || isDue(stored) ? await make() : stored;
    } finally {
      await store.leases.release(valueName, holder);
    }
  }

  async function refresh(): Promise<void> {
    const stored = await readStored();
    if (stored !== undefined && stored.cert !== held?.cert) use(stored);
    if (stored !== undefined && !isDue(stored)) return;
    const renewed = await renew();
    if (renewed !== undefined && renewed.cert !== held?.cert) use(renewed);
  }

  function use(certificate: EdgeCertificate): void {
    held = certificate;
    onChange(certificate);
    const { serialNumber, validTo } = new X509Certificate(certificate.cert);
    logger.info({ serial: serialNumber, validTo }, "edge certificate in force");
  }

  return {
    current() {
      if (held === undefined) throw new Error("There is no edge certificate yet.");
      return held;
    },
    async load(signal) {
      for (;;) {
        signal.throwIfAborted();
        await refresh().catch((error: unknown) =>
          logger.warn({ error: errorMessage(error) }, "edge certificate could not be had yet"),
        );
        if (held !== undefined) return;
        await sleep(retryMs, signal);
      }
    },
    check() {
      if (held === undefined) return "there is no server certificate yet";
      const { validTo } = new X509Certificate(held.cert);
      return new Date(validTo).getTime() > now() ? "ok" : `the server certificate expired at ${validTo}`;
    },
    loop: createLoop({ name: "edge-certificate", intervalMs, step: refresh, logger }),
  };
}
