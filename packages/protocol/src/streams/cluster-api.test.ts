import assert from "node:assert/strict";
import { isClusterRoleWithin, isForwardablePath, requestHeaders, responseHeaders } from "./cluster-api.ts";

describe("what reaches a device's API server", () => {
  for (const path of [
    "/",
    "/api",
    "/api/v1/namespaces/default/pods?limit=500&labelSelector=app%3Dweb%2Ctier%21%3Ddb",
    "/apis/apps/v1/namespaces/a/deployments/web/scale",
    "/api/v1/namespaces/a/services/https:web:443/proxy/",
    "/api/v1/namespaces/a/pods/p/exec?command=sh&command=-c&command=echo+%22hi%22%20%2F..",
  ])
    it(`takes ${path}`, () => assert.equal(isForwardablePath(path), true));

  for (const path of [
    "",
    "api/v1",
    "http://169.254.169.254/latest",
    "//evil.example.com/api",
    "/api/v1/../../etc",
    "/api/v1/./pods",
    "/api/%2e%2e/%2e%2e/metrics",
    "/api/v1/namespaces/a%2Fb/pods",
    "/api/v1/namespaces/a%5Cb/pods",
    "/api/v1/a\\..\\b",
    "/api/%252e%252e/x",
    "/api/v1/pods%0d%0aImpersonate-User:%20root",
    "/api/v1/pods HTTP/1.1",
    "/api/v1/pods\r\nX: y",
    "/api/v1/pods#fragment",
    "/api/%zz",
    "/api/%ff",
    `/${"a".repeat(9_000)}`,
  ])
    it(`refuses ${JSON.stringify(path.slice(0, 60))}`, () => assert.equal(isForwardablePath(path), false));

  it("has no header among it that says who somebody is, or that a browser obeys", () => {
    for (const name of ["authorization", "cookie", "impersonate-user", "x-remote-user", "connection", "host"])
      assert.equal(requestHeaders.has(name), false, name);
    for (const name of ["set-cookie", "location", "access-control-allow-origin", "content-security-policy"])
      assert.equal(responseHeaders.has(name), false, name);
  });

  it("orders the roles", () => {
    assert.equal(isClusterRoleWithin("view", "edit"), true);
    assert.equal(isClusterRoleWithin("edit", "edit"), true);
    assert.equal(isClusterRoleWithin("cluster-admin", "admin"), false);
  });
});
