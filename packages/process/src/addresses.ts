import { networkInterfaces } from "node:os";
import { joinHostPort } from "@rciots/runtime";

/** Every address of this machine, by IPv6 where it has that. */
export function anyAddress(): string {
  const addresses = Object.values(networkInterfaces()).flat();
  return addresses.some((address) => address?.family === "IPv6") ? "::" : "0.0.0.0";
}

const httpsUrl = (host: string, port: number): string => `https://${joinHostPort(host, port)}`;

/** Enrolment as devices reach it. */
export const enrollUrlOf = (config: {
  enrollUrl?: string | undefined;
  publicHost: string;
  enrollPort: number;
}): string => config.enrollUrl ?? httpsUrl(config.publicHost, config.enrollPort);

/** The device channel as devices reach it (`wss:`). */
export const edgeUrlOf = (config: {
  edgeUrl?: string | undefined;
  publicHost: string;
  edgePort: number;
}): string => (config.edgeUrl ?? httpsUrl(config.publicHost, config.edgePort)).replace(/^http/, "ws");

/** Both files, or none: then the platform's CA issues. */
export const tlsFilesOf = (config: {
  tlsCertFile?: string | undefined;
  tlsKeyFile?: string | undefined;
}): { certFile: string; keyFile: string } | undefined =>
  config.tlsCertFile === undefined || config.tlsKeyFile === undefined
    ? undefined
    : { certFile: config.tlsCertFile, keyFile: config.tlsKeyFile };
