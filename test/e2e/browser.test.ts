import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { browserFault, openBrowser, type TestBrowser } from "../harness/browser.ts";
import { eventually } from "../harness/eventually.ts";

/** A page that does everything a page must not. */
const misbehaving = `<!doctype html><title>Bad</title><body>
<script src="/bad.js"></script><img src="https://elsewhere.example/x.png" alt=""><style>p{}</style></body>`;
const script = `console.error("said so"); alert("hello"); fetch("/broken"); throw new Error("thrown");`;

describe("when a page misbehaves in the tests' browser", function () {
  this.timeout(30_000);
  let server: Server;
  let browser: TestBrowser;
  let baseUrl: string;

  before(async function () {
    const fault = browserFault();
    if (fault !== undefined) {
      console.log(`    skipped: ${fault}`);
      return this.skip();
    }
    server = createServer((request, response) => {
      response.statusCode = request.url === "/broken" ? 500 : 200;
      response.setHeader("content-type", request.url === "/bad.js" ? "text/javascript" : "text/html");
      response.setHeader("content-security-policy", "default-src 'self'; img-src *; style-src 'self'");
      const pages: Record<string, string> = { "/bad.js": script, "/bad": misbehaving };
      response.end(pages[request.url ?? ""] ?? "<!doctype html><p>Good</p>");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    server?.close();
  });

  it("is noticed, whatever it does", async () => {
    const { page, faults, close } = await browser.openPage({ baseUrl });
    await page.goto("/bad");
    await eventually(() => {
      for (const kind of [
        "error:",
        "console:",
        "policy: style-src",
        "dialog:",
        "foreign request:",
        "answer: 500",
      ])
        assert.ok(
          faults.some((fault) => fault.startsWith(kind)),
          `${kind} is not among ${faults.join("; ")}`,
        );
    });
    await close();
  });

  it("leaves a good page without a fault", async () => {
    const { page, faults, close } = await browser.openPage({ baseUrl, theme: "dark", width: 390 });
    await page.goto("/good");
    assert.equal(await page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches"), true);
    assert.equal(await page.evaluate("innerWidth"), 390);
    assert.deepEqual(faults, []);
    await close();
  });
});
