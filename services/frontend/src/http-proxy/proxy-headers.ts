import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import type { WebTunnel } from "@rciots/store";

type Headers = Record<string, string | string[]>;

/** Of one hop, or made anew for the next (RFC 9110, 7.6.1). */
const ofTheHop = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
  "content-length",
]);

/** What only the proxy in front may say, or is about the browser's relation to us. */
const neverAsked = new Set([
  "host",
  "expect",
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-proto",
  "x-real-ip",
  "x-rciots-organization",
  "x-csrf-token",
]);

/**
 * What a device's server must not say for a name below ours: some reach beyond its own name (all cookies of the
 * domain, HTTPS for every name, other ways to it).
 */
const neverAnswered = new Set(["strict-transport-security", "public-key-pins", "clear-site-data", "alt-svc"]);

/** Names of cookies that are ours, on any host. */
const ownCookie = /^(?:__Host-)?rciots[_-]/i;
const ownToken = /^rc[a-z]_/;

export type Rules = Pick<WebTunnel, "target" | "scheme" | "hostHeader">;

const defaultPorts = { http: 80, https: 443 };

/** `host:port`, as a browser on the device's network would ask for it. */
export function targetHost({ target: { host, port }, scheme }: Rules): string {
  const name = isIP(host) === 6 ? `[${host}]` : host;
  return port === defaultPorts[scheme] ? name : `${name}:${port}`;
}

function entries(headers: IncomingHttpHeaders): [string, string | string[]][] {
  const named = (headers.connection ?? "").toLowerCase().split(",");
  const isOfTheHop = (name: string): boolean =>
    ofTheHop.has(name) || named.some((other) => other.trim() === name);
  return Object.entries(headers).flatMap(([name, value]): [string, string | string[]][] =>
    value === undefined || isOfTheHop(name) ? [] : [[name, value]],
  );
}

/** The cookies of the site behind, without ours; undefined where none is left. */
export function foreignCookies(header: string): string | undefined {
  const left = header.split(";").filter((part) => !ownCookie.test(part.trim().split("=")[0] ?? ""));
  return left.length === 0 ? undefined : left.join(";").trim();
}

/** Whether credentials are for the platform: they are no business of a device. */
export function isOwnCredential(header: string): boolean {
  const [scheme = "", value = ""] = header.split(" ", 2);
  if (scheme.toLowerCase() === "bearer") return ownToken.test(value);
  if (scheme.toLowerCase() !== "basic") return false;
  const [, ...password] = Buffer.from(value, "base64").toString("utf8").split(":");
  return ownToken.test(password.join(":"));
}

/** A URL of our own name as the server behind knows it. */
function translated(url: string, from: string, to: string): string {
  return url === from || url.startsWith(`${from}/`) ? `${to}${url.slice(from.length)}` : url;
}

/** What the device's server is asked with. */
export function requestHeaders(
  headers: IncomingHttpHeaders,
  rules: Rules,
  asked: { origin: string; address: string },
): Headers {
  const ourHost = new URL(asked.origin).host;
  const isRenamed = rules.hostHeader === "target";
  const theirOrigin = isRenamed ? `${rules.scheme}://${targetHost(rules)}` : asked.origin;
  const made: Headers = {};
  for (const [name, value] of entries(headers)) {
    if (neverAsked.has(name)) continue;
    made[name] = value;
  }
  const { cookie, authorization, origin, referer } = headers;
  const cookies = cookie === undefined ? undefined : foreignCookies(cookie);
  if (cookies === undefined) delete made["cookie"];
  else made["cookie"] = cookies;
  if (authorization !== undefined && isOwnCredential(authorization)) delete made["authorization"];
  if (origin !== undefined) made["origin"] = translated(origin, asked.origin, theirOrigin);
  if (referer !== undefined) made["referer"] = translated(referer, asked.origin, theirOrigin);
  return {
    ...made,
    host: isRenamed ? targetHost(rules) : ourHost,
    "x-forwarded-for": asked.address,
    "x-forwarded-host": ourHost,
    "x-forwarded-proto": new URL(asked.origin).protocol.replace(":", ""),
  };
}

/** A cookie of the server behind for our name alone; undefined where it would take the place of one of ours. */
export function ownedCookie(header: string, isSecure: boolean): string | undefined {
  const [pair = "", ...attributes] = header.split(";").map((part) => part.trim());
  if (ownCookie.test(pair.split("=")[0]?.trim() ?? "")) return undefined;
  const kept = attributes.filter((attribute) => {
    const name = attribute.split("=")[0]?.trim().toLowerCase();
    return name !== "domain" && (name !== "secure" || isSecure);
  });
  return [pair, ...kept].join("; ");
}

/** What the browser is answered with. */
export function answerHeaders(
  headers: IncomingHttpHeaders,
  rules: Rules,
  asked: { origin: string },
): Headers {
  const made: Headers = {};
  for (const [name, value] of entries(headers)) {
    if (neverAnswered.has(name)) continue;
    made[name] = value;
  }
  const { location, "set-cookie": cookies } = headers;
  const length = headers["content-length"];
  if (length !== undefined && headers["transfer-encoding"] === undefined) made["content-length"] = length;
  if (location !== undefined) {
    const theirs = [
      `http://${targetHost({ ...rules, scheme: "http" })}`,
      `${rules.scheme}://${targetHost(rules)}`,
    ];
    made["location"] = theirs.reduce((url, from) => translated(url, from, asked.origin), location);
  }
  if (cookies !== undefined) {
    const isSecure = asked.origin.startsWith("https:");
    made["set-cookie"] = cookies.flatMap((cookie) => ownedCookie(cookie, isSecure) ?? []);
  }
  return made;
}

/** Headers by which a WebSocket is agreed on; they go on, although they are of the hop. */
export const upgradeHeaders = (headers: IncomingHttpHeaders): Headers =>
  headers.upgrade === undefined ? {} : { upgrade: headers.upgrade, connection: "Upgrade" };

/**
 * Whether a page of another site is behind the request. A browser sends the cookie along for pages of sibling names,
 * which are other devices' servers: they may lead a person here, and nothing else.
 */
export function isForeign(
  { method = "GET", headers }: { method?: string | undefined; headers: IncomingHttpHeaders },
  origin: string,
): boolean {
  const isRead = method === "GET" || method === "HEAD";
  const isUpgrade = headers.upgrade !== undefined;
  if (headers.origin !== undefined && headers.origin !== origin && (!isRead || isUpgrade)) return true;
  const site = headers["sec-fetch-site"];
  if (site === undefined || site === "same-origin" || site === "none") return false;
  const isVisit = headers["sec-fetch-mode"] === "navigate" && headers["sec-fetch-dest"] === "document";
  return !(isRead && isVisit && !isUpgrade);
}
