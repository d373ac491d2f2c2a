import { createHash } from "node:crypto";
import type { RequestHandler } from "express";

const style =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem;color:#1b1f24;background:#fff}" +
  "code{background:#eef1f4;padding:.1em .3em;border-radius:3px}" +
  "@media(prefers-color-scheme:dark){body{color:#e6e9ec;background:#15181b}code{background:#262b30}a{color:#8ab8ff}}";

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>RCIoTS</title>
<style>${style}</style>
</head>
<body>
<h1>RCIoTS</h1>
<p>This is the operators' API of an RCIoTS platform. It manages edge devices: enrols them, delivers
Kubernetes manifests to them, and shows their state.</p>
<p>All of it can be done with <code>curl</code>; the API is described at
<a href="/api/v1/openapi.json">/api/v1/openapi.json</a>.</p>
<pre><code>curl -s -H 'content-type: application/json' \\
  -d '{"username":"admin","password":"..."}' <em>this address</em>/api/v1/login</code></pre>
</body>
</html>
`;

const styleHash = createHash("sha256").update(style).digest("base64");
const contentSecurityPolicy = `default-src 'none'; style-src 'sha256-${styleHash}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`;

/** `GET /`: says what runs here. No script; the one style is allowed by its hash. */
export function answerHomePage(): RequestHandler {
  return (_request, response) => {
    response.setHeader("content-security-policy", contentSecurityPolicy);
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(page);
  };
}
