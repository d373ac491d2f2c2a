import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { errorMessage } from "../app-error.ts";
import type { Logger } from "../logger.ts";
import { createLoop, type Loop } from "../loop.ts";
import type { TlsHolder } from "./tls-holder.ts";

export interface TlsFiles {
  /** PEM: the certificate, then its intermediates. */
  certFile: string;
  /** PEM, unencrypted. */
  keyFile: string;
}

/** A certificate with its chain is a few kilobytes; this bounds a mistake. */
const maxFileBytes = 262_144;

export interface FileTls {
  /** Reads the files where they changed; throws where they can't be used. */
  load(): Promise<void>;
  loop: Loop;
}

/**
 * Keeps the certificate of two PEM files in force. They are looked at by time and size, which also works where
 * a mounted secret is replaced by a symbolic link. What can't be used is logged and the former stays in force.
 */
export function createFileTls(options: {
  files: TlsFiles;
  holder: TlsHolder;
  rootCertificates: () => string;
  intervalMs: number;
  logger: Logger;
}): FileTls {
  const { files, holder, rootCertificates, intervalMs, logger } = options;
  let loadedState = "";
  let refusedState = "";

  async function load(): Promise<void> {
    const state = await stateOf(files);
    if (state === loadedState) return;
    const [cert, key] = await Promise.all([readPem(files.certFile), readPem(files.keyFile)]);
    requirePair(cert, key);
    holder.set({ cert, key, ca: rootCertificates() });
    loadedState = state;
    logger.info({ certFile: files.certFile }, "server certificate read");
  }

  async function reload(): Promise<void> {
    try {
      await load();
    } catch (error) {
      // One line for each state of the files, not for each look.
      const state = await stateOf(files).catch(() => "unreadable");
      if (state === refusedState) return;
      refusedState = state;
      logger.error(
        { certFile: files.certFile, keyFile: files.keyFile, error: errorMessage(error) },
        "new server certificate can't be used; the former stays in force",
      );
    }
  }

  return {
    load,
    loop: createLoop({ name: "server certificate files", intervalMs, logger, step: reload }),
  };
}

async function stateOf(files: TlsFiles): Promise<string> {
  const found = await Promise.all([stat(files.certFile), stat(files.keyFile)]);
  return found.map(({ mtimeMs, size, ino }) => `${mtimeMs}/${size}/${ino}`).join(" ");
}

async function readPem(file: string): Promise<string> {
  const { size } = await stat(file);
  if (size > maxFileBytes) throw new Error(`${file} is larger than ${maxFileBytes} bytes.`);
  return readFile(file, "utf8");
}

/** Also tells a pair of which only one half has been replaced yet. */
function requirePair(cert: string, key: string): void {
  const leaf = new X509Certificate(cert);
  if (!leaf.checkPrivateKey(createPrivateKey(key))) {
    throw new Error("The private key does not belong to the certificate.");
  }
  if (new Date(leaf.validTo).getTime() < Date.now())
    throw new Error(`The certificate expired at ${leaf.validTo}.`);
  createSecureContext({ cert, key });
}
