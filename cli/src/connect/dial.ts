import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { checkServerIdentity, type TLSSocket } from "node:tls";
import { X509Certificate } from "node:crypto";
import { certificateFingerprint, dialThroughProxy, dialTls, isAppError } from "@rciots/runtime";
import { CommandError, exitCodes } from "../command.ts";
import type { Platform, Trust } from "./platform.ts";

const timeoutMs = 20_000;

/** Host and port of an address, and whether TLS is spoken there. */
export function placeOf(url: URL): { host: string; port: number; isTls: boolean } {
  const isTls = url.protocol === "https:";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return { host, port: url.port === "" ? (isTls ? 443 : 80) : Number(url.port), isTls };
}

function rootsOf(trust: Trust): { ca?: string[]; rejectUnauthorized?: boolean } {
  if (trust.kind === "ca") return { ca: [trust.pem] };
  if (trust.kind === "pin") return { rejectUnauthorized: false };
  return {};
}

/** The certificates that the server shows, its own first. */
function chainOf(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let shown = socket.getPeerCertificate(true);
  while (shown?.raw !== undefined && !chain.some(({ raw }) => raw.equals(shown.raw))) {
    chain.push(new X509Certificate(shown.raw));
    shown = shown.issuerCertificate;
  }
  return chain;
}

/**
 * Throws unless the server shows the pinned certificate as its own, or a certificate for this host that the
 * pinned one has signed, directly or over others that it shows too.
 */
function checkPin(socket: TLSSocket, host: string, sha256: string): void {
  const chain = chainOf(socket);
  const [own] = chain;
  const at = chain.findIndex((certificate) => certificateFingerprint(certificate) === sha256);
  const isSigned = chain.slice(0, Math.max(at, 0)).every((certificate, index) => {
    const issuer = chain[index + 1];
    return issuer?.ca === true && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  });
  const now = Date.now();
  const isValid = chain
    .slice(0, at + 1)
    .every(({ validFrom, validTo }) => Date.parse(validFrom) <= now && now <= Date.parse(validTo));
  const isForHost = at === 0 || checkServerIdentity(host, socket.getPeerCertificate(true)) === undefined;
  if (own !== undefined && at >= 0 && isSigned && isValid && isForHost) return;
  socket.destroy();
  throw new CommandError(
    `${host} shows no valid certificate with the fingerprint that it is known by; it may be another server.`,
    exitCodes.unreachable,
  );
}

async function dialPlain(platform: Platform, signal: AbortSignal): Promise<Socket> {
  const { host, port } = placeOf(platform.url);
  const proxy = platform.proxyFor(host, port);
  if (proxy !== undefined) return dialThroughProxy(proxy, host, port, signal);
  const socket = connect({ host, port });
  await once(socket, "connect", { signal });
  return socket;
}

/** A connection to the platform, over the proxy where there is one; with TLS, to a peer that was verified. */
export async function dialPlatform(platform: Platform, signal: AbortSignal): Promise<Socket> {
  const { host, port, isTls } = placeOf(platform.url);
  const { trust } = platform;
  try {
    if (!isTls) return await dialPlain(platform, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
    const proxy = platform.proxyFor(host, port);
    const socket = await dialTls({ host, port, proxy, timeoutMs, signal, tls: rootsOf(trust) });
    if (trust.kind === "pin") checkPin(socket, host, trust.sha256);
    return socket;
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const hint =
      isAppError(error) || !/certificate|self.signed/i.test(reason)
        ? ""
        : " Where its certificate is of a private authority, give --ca-file or --ca-fingerprint.";
    throw new CommandError(`${host}:${port} can't be reached: ${reason}.${hint}`, exitCodes.unreachable, {
      cause: error,
    });
  }
}

/**
 * The certificate by which others than this program know the platform, in PEM; undefined: the system's roots do.
 * Throws where it is pinned and for another host, which only this program takes.
 */
export async function authorityOf(platform: Platform, signal: AbortSignal): Promise<string | undefined> {
  const { trust, url } = platform;
  if (trust.kind === "system") return undefined;
  if (trust.kind === "ca") return trust.pem;
  const socket = (await dialPlatform(platform, signal)) as TLSSocket;
  try {
    const { host } = placeOf(url);
    if (checkServerIdentity(host, socket.getPeerCertificate(true)) !== undefined)
      throw new CommandError(`The certificate of ${host} is not made out for that name: others refuse it.`);
    const pinned = chainOf(socket).find((each) => certificateFingerprint(each) === trust.sha256);
    return pinned?.toString();
  } finally {
    socket.destroy();
  }
}
