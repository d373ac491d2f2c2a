import { X509Certificate } from "node:crypto";
import {
  createEdgeCertificates,
  createRootCertificates,
  tlsFilesOf,
  type ProcessContext,
  type RemoteSigner,
} from "@rciots/process";
import { createFileTls, createTlsHolder, type TlsSource, type Vault } from "@rciots/runtime";
import type { ConnectorConfig } from "./config.ts";

const fileIntervalMs = 15_000;

/**
 * What the endpoint shows and whom it trusts, without the CA's keys: the roots from the store, the certificate from
 * files, or made here and signed by enrolment. Resolves once all of it is there.
 */
export async function openEdgeTls(
  { store, logger, signal, parts, addReadyCheck }: ProcessContext,
  options: { config: ConnectorConfig; vault: Vault; signer: RemoteSigner; processId: string },
): Promise<TlsSource> {
  const { config, vault, signer, processId } = options;
  const holder = createTlsHolder();
  const files = tlsFilesOf(config);

  function renewRoots(ca: string): void {
    if (holder.isSet()) holder.set({ ...holder.current(), ca });
  }
  const roots = createRootCertificates({ store, logger, onChange: renewRoots });
  await roots.load(signal);
  const certificate =
    files === undefined
      ? createEdgeCertificates({
          store,
          vault,
          signer,
          names: [config.publicHost, ...config.serverNames],
          holder: processId,
          onChange: ({ key, cert }) => holder.set({ key, cert, ca: roots.current() }),
          logger,
        })
      : createFileTls({
          files,
          holder,
          rootCertificates: roots.current,
          intervalMs: fileIntervalMs,
          logger,
        });
  await certificate.load(signal);
  for (const { loop } of [roots, certificate]) {
    loop.start();
    parts.add({ name: "edge certificate", stop: loop.stop });
  }
  addReadyCheck("certificate", () => {
    const { validTo } = new X509Certificate(holder.current().cert);
    return new Date(validTo).getTime() > Date.now() ? "ok" : `the server certificate expired at ${validTo}`;
  });
  return holder;
}
