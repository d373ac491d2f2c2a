import { exportPrivateKeyPem, generateKeyPair } from "@rciots/ca";
import { createLoop, type Logger, type Loop, type TlsHolder } from "@rciots/runtime";
import { isIP } from "node:net";
import type { CertificateAuthority } from "../authority/certificate-authority.ts";

/** Reached under these in any case: by the machine itself, in containers, in tests. */
const ownNames = ["localhost", "127.0.0.1", "::1"];

export interface IssuedTls {
  /** Issues where there is no certificate or a third of its life is left. */
  refresh(): Promise<void>;
  loop: Loop;
}

/** Keeps a server certificate of the platform's own CA in force. The key lives in memory only. */
export function createIssuedTls(options: {
  authority: CertificateAuthority;
  holder: TlsHolder;
  /** For the log. */
  endpoint: string;
  /** DNS names, wildcards among them, and IP addresses. */
  names: string[];
  intervalMs: number;
  logger: Logger;
  now: () => Date;
}): IssuedTls {
  const { authority, holder, endpoint, logger, now } = options;
  const names = [...new Set([...options.names.map((name) => name.toLowerCase()), ...ownNames])];
  let renewAt = 0;

  async function refresh(): Promise<void> {
    if (now().getTime() < renewAt) return;
    const { privateKey, publicKey } = generateKeyPair();
    const { chainPem, notAfter, notBefore, serial } = await authority.issueServer({
      dnsNames: names.filter((name) => isIP(name) === 0),
      ipAddresses: names.filter((name) => isIP(name) !== 0),
      publicKey,
    });
    holder.set({ key: exportPrivateKeyPem(privateKey), cert: chainPem, ca: authority.rootCertificates() });
    renewAt = notAfter.getTime() - (notAfter.getTime() - notBefore.getTime()) / 3;
    logger.info({ endpoint, serial, notAfter }, "server certificate issued");
  }

  return {
    refresh,
    loop: createLoop({
      name: `${endpoint} certificate`,
      intervalMs: options.intervalMs,
      logger,
      step: () => refresh(),
    }),
  };
}
