import type { IncomingMessage } from "node:http";
import { conflict, hashToken, isSameHash, newToken, notFound, unauthorized } from "@rciots/runtime";
import type { Store, WebPass, WebTunnel } from "@rciots/store";
import { authorize, type Caller, type Member } from "../auth/caller.ts";
import type { Identify, Presented } from "../auth/identify.ts";
import type { ProxySite } from "./proxy-site.ts";

/** A browser that was let at a web tunnel. */
export interface ProxyVisit {
  tunnel: WebTunnel;
  presented: Presented;
  caller: Member;
}

export interface ProxyDoor {
  /** Throws AppErrors: 401 where the browser has to sign in first, 404 where the name is nobody's. */
  visit(message: IncomingMessage, label: string, address: string): Promise<ProxyVisit>;
  /** Throws where this caller would not be let at the tunnel now. */
  judge(label: string, caller: Caller): Promise<Member>;
  /** Where a browser that has to sign in goes, and the cookie that binds what comes back to it. */
  invite(message: IncomingMessage, label: string): { location: string; cookie: string };
  /** Takes the code that the console handed out, once. Throws 403 where it is none for this browser and name. */
  enter(message: IncomingMessage, label: string, address: string): Promise<ProxyEntry>;
}

export interface ProxyEntry extends ProxyVisit {
  cookie: string;
  location: string;
}

/** Below it is what the proxy answers itself; a device's server never sees it. */
export const ownPath = "/.rciots/";
export const enterPath = `${ownPath}enter`;

const stateMs = 600_000;
const passMs = 12 * 3_600_000;
const maxPathChars = 2_000;
/** What of a route says who may open web tunnels. */
export const webAccess = { access: "operator", method: "post" } as const;

const nobody = () =>
  notFound({ code: "web_tunnel_not_found", message: "There is no web tunnel of this name." });

/** Where within the name somebody wanted to go; another site's address becomes `/`. */
export function safePath(path: string | undefined): string {
  if (path === undefined || path.length > maxPathChars) return "/";
  return /^\/(?![/\\])[\x21-\x7e]*$/.test(path) && !path.startsWith(ownPath) ? path : "/";
}

function cookieOf(message: IncomingMessage, name: string): string | undefined {
  for (const part of (message.headers.cookie ?? "").split(";", 128)) {
    const at = part.indexOf("=");
    if (part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return undefined;
}

/** Lets browsers at web tunnels by a cookie of the very name, behind which stands a session of the console. */
export function createProxyDoor(options: {
  store: Pick<Store, "webTunnels" | "devices">;
  identify: Identify;
  site: ProxySite;
}): ProxyDoor {
  const { store, identify, site } = options;

  /** With the prefix a page of another name below the domain can't set it. */
  const nameOf = (name: string): string => `${site.isSecure() ? "__Host-" : ""}rciots-${name}`;
  const setCookie = (name: string, value: string, maxAgeMs: number): string =>
    `${nameOf(name)}=${value}; Path=/; Max-Age=${Math.floor(maxAgeMs / 1_000)}; HttpOnly; SameSite=Lax${site.isSecure() ? "; Secure" : ""}`;

  async function find(label: string): Promise<WebTunnel> {
    const tunnel = await store.webTunnels.findByLabel(label);
    if (tunnel === null) throw nobody();
    return tunnel;
  }

  async function admit(tunnel: WebTunnel, caller: Caller): Promise<Member> {
    if (caller.organizationId !== tunnel.organizationId) throw nobody();
    authorize(webAccess, caller);
    const device = await store.devices.find(tunnel.organizationId, tunnel.deviceId);
    if (device?.status !== "active") {
      throw conflict({ code: "device_not_active", message: "The device was disabled or removed." });
    }
    return caller as Member;
  }

  const presentedBy = ({ sessionHash, organizationId }: WebPass, address: string): Presented => ({
    hash: sessionHash,
    kind: "session",
    isCookie: true,
    organizationId,
    address,
  });

  async function visitOf(tunnel: WebTunnel, pass: WebPass, address: string): Promise<ProxyVisit> {
    const presented = presentedBy(pass, address);
    return { tunnel, presented, caller: await admit(tunnel, await identify(presented)) };
  }

  return {
    async visit(message, label, address) {
      const tunnel = await find(label);
      const shown = cookieOf(message, nameOf("web"));
      const pass = shown === undefined ? null : await store.webTunnels.findPass(hashToken(shown));
      if (pass?.webTunnelId !== tunnel._id) {
        throw unauthorized({ message: "Open this page from the console, where you sign in." });
      }
      return visitOf(tunnel, pass, address);
    },

    judge: async (label, caller) => admit(await find(label), caller),

    invite(message, label) {
      // One for all tabs: another one would make the first worthless.
      const known = cookieOf(message, nameOf("web-state")) ?? "";
      const state = /^rcw_[\w-]{20,100}$/.test(known) ? known : newToken("rcw");
      const query = new URLSearchParams({ label, state: hashToken(state), to: safePath(message.url) });
      return {
        location: `${site.consoleUrl()}/web-access?${query.toString()}`,
        cookie: setCookie("web-state", state, stateMs),
      };
    },

    async enter(message, label, address) {
      const tunnel = await find(label);
      const code = new URL(message.url ?? "/", "http://x").searchParams.get("code") ?? "";
      const state = cookieOf(message, nameOf("web-state")) ?? "";
      const pass = await store.webTunnels.takeCode(hashToken(code));
      const isTheirs = pass !== null && isSameHash(pass.stateHash ?? "", hashToken(state));
      if (!isTheirs || pass.webTunnelId !== tunnel._id) {
        throw unauthorized({
          code: "code_invalid",
          message: "The link was used already, or is not for this browser.",
        });
      }
      const visit = await visitOf(tunnel, pass, address);
      const token = newToken("rcw");
      const expiresAt = new Date(Date.now() + passMs);
      await store.webTunnels.insertPass({
        ...pass,
        _id: hashToken(token),
        kind: "cookie",
        stateHash: null,
        expiresAt,
      });
      return { ...visit, cookie: setCookie("web", token, passMs), location: safePath(pass.path) };
    },
  };
}
