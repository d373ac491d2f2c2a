import {
  createFileTls,
  createTlsHolder,
  type Logger,
  type Loop,
  type TlsFiles,
  type TlsSource,
} from "@rciots/runtime";
import type { CertificateAuthority } from "../authority/certificate-authority.ts";
import { createIssuedTls } from "./issued-tls.ts";

export interface ServerTls {
  /** Of the enrolment endpoint. */
  enroll: TlsSource;
  /** Of the connector's endpoint. */
  edge: TlsSource;
  /** Puts certificates in force; rejects where that can't be done. */
  load(): Promise<void>;
  loops: { name: string; loop: Loop }[];
}

/** Server certificates of both endpoints: of the platform's own CA, or of files. */
export function createServerTls(options: {
  authority: CertificateAuthority;
  serverNames: { enroll: string[]; edge: string[] };
  ownTls?: TlsFiles;
  intervalMs: number;
  logger: Logger;
  now: () => Date;
}): ServerTls {
  const { authority, serverNames, ownTls, intervalMs, logger, now } = options;
  if (ownTls !== undefined) {
    const holder = createTlsHolder();
    const { rootCertificates } = authority;
    const { load, loop } = createFileTls({ files: ownTls, holder, rootCertificates, intervalMs, logger });
    return { enroll: holder, edge: holder, load, loops: [{ name: "certificate files", loop }] };
  }
  const issued = (endpoint: "enroll" | "edge") => {
    const holder = createTlsHolder();
    const names = serverNames[endpoint];
    const tls = createIssuedTls({ authority, holder, endpoint, names, intervalMs, logger, now });
    return { holder, ...tls };
  };
  const [enroll, edge] = [issued("enroll"), issued("edge")];
  return {
    enroll: enroll.holder,
    edge: edge.holder,
    async load() {
      await enroll.refresh();
      await edge.refresh();
    },
    loops: [
      { name: "enroll certificate", loop: enroll.loop },
      { name: "edge certificate", loop: edge.loop },
    ],
  };
}
