import assert from "node:assert/strict";
import {
  answerHeaders,
  foreignCookies,
  isForeign,
  isOwnCredential,
  ownedCookie,
  requestHeaders,
  targetHost,
} from "./proxy-headers.ts";

const rules = { target: { host: "192.168.1.20", port: 8080 }, scheme: "http", hostHeader: "target" } as const;
const asked = { origin: "https://cam-1.apps.example.com", address: "203.0.113.9" };

describe("when a request goes on to a device's web server", () => {
  it("leaves out what is ours, of the hop, or only for us to say", () => {
    const made = requestHeaders(
      {
        host: "cam-1.apps.example.com",
        connection: "keep-alive, x-private",
        "x-private": "1",
        "transfer-encoding": "chunked",
        te: "trailers",
        cookie: "__Host-rciots-web=secret; theme=dark; rciots_session=secret",
        authorization: "Bearer rca_secret",
        "x-forwarded-for": "1.2.3.4",
        forwarded: "for=1.2.3.4",
        accept: "text/html",
        origin: asked.origin,
        referer: `${asked.origin}/page`,
      },
      rules,
      asked,
    );
    assert.deepEqual(made, {
      accept: "text/html",
      cookie: "theme=dark",
      origin: "http://192.168.1.20:8080",
      referer: "http://192.168.1.20:8080/page",
      host: "192.168.1.20:8080",
      "x-forwarded-for": "203.0.113.9",
      "x-forwarded-host": "cam-1.apps.example.com",
      "x-forwarded-proto": "https",
    });
  });

  it("keeps the name that the browser asks for where the tunnel says so, and the server's own credentials", () => {
    const made = requestHeaders(
      { authorization: "Basic YWRtaW46YWRtaW4=", origin: asked.origin, cookie: "a=1" },
      { ...rules, hostHeader: "browser" },
      asked,
    );
    assert.deepEqual(
      [made["host"], made["origin"], made["authorization"], made["cookie"]],
      ["cam-1.apps.example.com", asked.origin, "Basic YWRtaW46YWRtaW4=", "a=1"],
    );
  });

  it("knows our credentials and cookies in every form", () => {
    assert.equal(isOwnCredential(`Basic ${Buffer.from("me:rca_1").toString("base64")}`), true);
    assert.equal(isOwnCredential("Bearer rcs_1"), true);
    assert.equal(isOwnCredential("Bearer eyJ"), false);
    assert.equal(foreignCookies("rciots-web=1; rciots_session=2"), undefined);
  });

  it("names the server as a browser beside it would", () => {
    assert.equal(targetHost({ ...rules, target: { host: "cam", port: 80 } }), "cam");
    assert.equal(
      targetHost({ ...rules, scheme: "https", target: { host: "fd00::1", port: 443 } }),
      "[fd00::1]",
    );
  });
});

describe("when a device's web server answers", () => {
  it("leads back to our name, and reaches no further than that", () => {
    const made = answerHeaders(
      {
        location: "http://192.168.1.20:8080/login?x=1",
        "set-cookie": ["id=1; Domain=example.com; Path=/; Secure", "rciots_session=stolen; Path=/"],
        "strict-transport-security": "max-age=1; includeSubDomains",
        "clear-site-data": '"cookies"',
        connection: "close",
        "content-length": "5",
        "content-type": "text/html",
      },
      rules,
      asked,
    );
    assert.deepEqual(made, {
      location: "https://cam-1.apps.example.com/login?x=1",
      "set-cookie": ["id=1; Path=/; Secure"],
      "content-length": "5",
      "content-type": "text/html",
    });
    assert.equal(answerHeaders({ location: "/a" }, rules, asked)["location"], "/a");
    const elsewhere = "http://192.168.1.20:80800.evil.example";
    assert.equal(answerHeaders({ location: elsewhere }, rules, asked)["location"], elsewhere);
    assert.equal(ownedCookie("id=1; Secure; HttpOnly", false), "id=1; HttpOnly");
  });
});

describe("when another site's page is behind a request", () => {
  const own = asked.origin;
  const from = (site: string, more: Record<string, string> = {}) => ({ "sec-fetch-site": site, ...more });

  it("may lead a person here, and do nothing else", () => {
    const visit = { "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
    assert.equal(isForeign({ headers: from("cross-site", visit) }, own), false);
    assert.equal(isForeign({ headers: from("same-site", visit) }, own), false);
    assert.equal(isForeign({ method: "POST", headers: from("same-site", visit) }, own), true);
    assert.equal(isForeign({ headers: from("same-site", { "sec-fetch-mode": "cors" }) }, own), true);
    const framed = { ...visit, "sec-fetch-dest": "iframe" };
    assert.equal(isForeign({ headers: from("same-site", framed) }, own), true);
    assert.equal(isForeign({ method: "POST", headers: { origin: "https://x.apps.example.com" } }, own), true);
    const upgrade = { upgrade: "websocket", origin: "https://x.apps.example.com" };
    assert.equal(isForeign({ headers: upgrade }, own), true);
    assert.equal(isForeign({ headers: { upgrade: "websocket", origin: own } }, own), false);
    assert.equal(isForeign({ method: "POST", headers: from("same-origin", { origin: own }) }, own), false);
    assert.equal(isForeign({ headers: {} }, own), false);
  });
});
