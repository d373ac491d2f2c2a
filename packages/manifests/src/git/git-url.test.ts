import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { isPublicAddress, resolveAddresses } from "./git-address.ts";
import { createRedactor, gitError } from "./git-error.ts";
import { checkRef } from "./git-ref.ts";
import { defaultGitPolicy } from "./git-request.ts";
import { parseGitUrl } from "./git-url.ts";

const parse = (text: string): ReturnType<typeof parseGitUrl> => parseGitUrl(text, defaultGitPolicy);

describe("when a repository URL is read", () => {
  it("takes HTTPS and SSH in both forms", () => {
    assert.deepEqual(parse("https://git.example.com:8443/a/b.git"), {
      transport: "https",
      url: "https://git.example.com:8443/a/b.git",
      host: "git.example.com",
      port: 8443,
      user: null,
    });
    assert.deepEqual(parse("ssh://git@example.com:2222/~/b.git"), {
      transport: "ssh",
      url: "ssh://git@example.com:2222/~/b.git",
      host: "example.com",
      port: 2222,
      user: "git",
    });
    assert.deepEqual(parse("git@example.com:a/b.git"), {
      transport: "ssh",
      url: "git@example.com:a/b.git",
      host: "example.com",
      port: 22,
      user: "git",
    });
    assert.equal(parse("git@example.com:/srv/b.git").url, "ssh://git@example.com/srv/b.git");
    assert.equal(parse("https://[2606:4700::1]/a").host, "2606:4700::1");
  });

  it("writes addresses in other notations out", () => {
    assert.equal(parse("https://0x7f.1/a").host, "127.0.0.1");
    assert.equal(parse("https://2130706433/a").host, "127.0.0.1");
  });

  for (const [url, code] of [
    ["", "git_url_invalid"],
    ["/srv/repo.git", "git_url_invalid"],
    ["../repo", "git_url_invalid"],
    ["repo", "git_url_invalid"],
    ["host:path", "git_url_invalid"],
    ["-oProxyCommand=x", "git_url_invalid"],
    ["--upload-pack=touch /tmp/x", "git_url_invalid"],
    ["ssh://-oProxyCommand=x/a", "git_url_invalid"],
    ["ssh://-l@example.com/a", "git_url_invalid"],
    ["-x@example.com:a", "git_url_invalid"],
    ["git@-oProxyCommand=x:a", "git_url_invalid"],
    ["https://example.com/a b", "git_url_invalid"],
    ["https://example.com/a\n", "git_url_invalid"],
    ["https://example.com\\@evil.com/", "git_url_invalid"],
    ["https://example.com/a?x=1", "git_url_invalid"],
    ["https://example.com/a#x", "git_url_invalid"],
    [`https://example.com/${"a".repeat(3000)}`, "git_url_invalid"],
    ["ssh://git%0a@example.com/a", "git_url_invalid"],
    ["https://user:pw@example.com/a", "git_url_credentials"],
    ["https://token@example.com/a", "git_url_credentials"],
    ["ssh://git:pw@example.com/a", "git_url_credentials"],
    ["ext::sh -c x", "git_url_invalid"],
    ["ext::sh", "git_transport_not_allowed"],
    ["EXT::x", "git_transport_not_allowed"],
    ["::x", "git_transport_not_allowed"],
    ["fd::17", "git_transport_not_allowed"],
    ["git://example.com/a", "git_transport_not_allowed"],
    ["ftp://example.com/a", "git_transport_not_allowed"],
    ["http://example.com/a", "git_transport_not_allowed"],
    ["file:///srv/a", "git_transport_not_allowed"],
    ["FILE:///srv/a", "git_transport_not_allowed"],
  ] as const) {
    it(`refuses ${JSON.stringify(url).slice(0, 45)}: ${code}`, () =>
      assert.throws(() => parse(url), { code }));
  }

  it("takes files and plain HTTP when the platform's operator allows them", () => {
    const policy = { ...defaultGitPolicy, allowFileUrls: true, allowPlainHttp: true };
    assert.equal(parseGitUrl("file:///srv/a", policy).transport, "file");
    assert.equal(parseGitUrl("http://example.com/a", policy).port, 80);
    assert.throws(() => parseGitUrl("file://host/srv/a", policy), { code: "git_url_invalid" });
    assert.throws(() => parseGitUrl("/srv/a", policy), { code: "git_url_invalid" });
  });
});

describe("when a host's addresses are checked", () => {
  for (const address of [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "198.18.0.1",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "fd12::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:a9fe:a9fe",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2001:db8::1",
    "::127.0.0.1",
    "not an address",
  ]) {
    it(`does not take ${address} for public`, () => assert.equal(isPublicAddress(address), false));
  }

  it("takes public ones", () => {
    for (const address of ["140.82.121.3", "2606:50c0:8000::153", "::ffff:140.82.121.3"])
      assert.equal(isPublicAddress(address), true, address);
  });

  it("refuses a host with one bad address among good ones", async () => {
    const url = parse("https://git.example.com/a");
    const found = (...addresses: string[]): Promise<string[]> =>
      resolveAddresses(url, false, async () => addresses);
    assert.deepEqual(await found("140.82.121.3"), ["140.82.121.3"]);
    await assert.rejects(found("140.82.121.3", "10.0.0.1"), { code: "git_address_not_allowed", status: 403 });
    await assert.rejects(found(), { code: "git_address_not_allowed" });
    const broken = resolveAddresses(url, true, () => Promise.reject(new Error("ENOTFOUND")));
    await assert.rejects(broken, { code: "git_unreachable" });
  });
});

describe("when a ref is checked", () => {
  it("takes what git takes", () => {
    for (const ref of [
      "main",
      "release/1.2",
      "v1.0.0",
      "refs/heads/main",
      "feature-x",
      "HEAD",
      "a".repeat(40),
      "ü",
    ])
      checkRef(ref);
  });

  it("refuses options, patterns and expressions", () => {
    for (const ref of [
      "-x",
      "--upload-pack=x",
      "a b",
      "a..b",
      "a^",
      "a~1",
      "a:b",
      "a?",
      "a*",
      "a[b",
      "a\\b",
      "@",
      "a@{1}",
      "/a",
      "a/",
      "a//b",
      "a/.b",
      ".a",
      "a.",
      "a.lock",
      "a\n",
      "+a",
      "a".repeat(300),
    ].filter((ref) => ref !== "+a")) {
      assert.throws(() => checkRef(ref), { code: "git_ref_invalid" }, ref);
    }
  });
});

describe("when git's words become an error", () => {
  it("takes secrets out of what is logged", () => {
    const error = gitError(
      "fatal: something with s3cret-token in it",
      createRedactor(["s3cret-token", "s3", ""]),
    );
    assert.equal(error.code, "git_failed");
    assert.ok(!String((error as { cause?: Error }).cause?.message).includes("s3cret-token"));
    assert.ok(!error.message.includes("s3cret"));
  });
});
