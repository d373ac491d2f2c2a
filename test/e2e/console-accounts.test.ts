import assert from "node:assert/strict";
import { Secret, TOTP } from "otpauth";
import type { Page } from "playwright-core";
import { startMailbox, type Mailbox } from "../../services/frontend/test/mailbox.ts";
import { browserFault, openBrowser, type TestBrowser, type TestPage } from "../harness/browser.ts";
import { eventually } from "../harness/eventually.ts";
import { freePorts, startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";

const person = { email: "ada@example.com", username: "ada", password: "correct horse battery staple" };

describe("when somebody comes to the console for the first time", function () {
  this.timeout(180_000);
  let mailbox: Mailbox;
  let platform: PlatformProcess;
  let browser: TestBrowser;
  let opened: TestPage;
  let page: Page;
  let secret: string;
  let recoveryCode: string;

  before(async function () {
    const fault = browserFault();
    if (fault !== undefined) {
      console.log(`    skipped: ${fault}`);
      return this.skip();
    }
    mailbox = await startMailbox();
    const [port = 0] = await freePorts(1);
    const baseUrl = `http://127.0.0.1:${port}`;
    platform = await startPlatformProcess({
      env: {
        RCIOTS_CONSOLE_PORT: String(port),
        RCIOTS_CONSOLE_URL: baseUrl,
        RCIOTS_SIGNUP: "open",
        RCIOTS_SMTP_URL: mailbox.smtpUrl,
        RCIOTS_MAIL_FROM: "RCIoTS <no-reply@example.com>",
      },
    });
    browser = await openBrowser();
    opened = await browser.openPage({ baseUrl });
    page = opened.page;
    page.setDefaultTimeout(60_000);
  });
  after(async () => {
    await browser?.close();
    await platform?.stop();
    await mailbox?.stop();
  });

  const button = (name: string) => page.getByRole("button", { name, exact: true });
  const field = (name: string) => page.getByRole("textbox", { name, exact: true });
  const codeNow = (steps = 0): string =>
    new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: Date.now() + steps * 30_000 });

  async function linkMailed(part: string): Promise<string> {
    return eventually(() => {
      const mail = mailbox.mails.find(({ text }) => text.includes(part));
      const link = mail?.text.match(/http:\/\/\S+/)?.[0];
      assert.ok(link, `no mail with ${part}`);
      return link;
    });
  }

  async function signIn(password = person.password): Promise<void> {
    await page.goto("/profile?tab=second-factor");
    await field("User name or e-mail address").fill(person.username);
    await field("Password").fill(password);
    await button("Sign in").click();
  }

  async function signOut(): Promise<void> {
    await page.getByRole("button", { name: `Account: ${person.username}` }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await button("Sign in").waitFor();
  }

  it("signs up, is told what is wrong with what is typed, and confirms by the mailed link", async () => {
    await page.goto("/");
    await page.getByRole("link", { name: "Sign up" }).click();
    await field("User name").fill("Ada!");
    await field("E-mail address").fill(person.email);
    await page.getByText("Begin with a lower-case letter or a digit.").waitFor();
    assert.equal(await button("Create account").isDisabled(), true);
    await field("User name").fill(person.username);
    await field("Password").fill("short");
    await page.getByText("Strength: too weak").waitFor();
    await field("Password").fill(person.password);
    await page.getByText("Strength: strong").waitFor();
    await field("Organisation").fill("Analytical Engines");
    await button("Create account").click();
    await page.getByText("Check your mail").waitFor();
    await page.goto(await linkMailed("/confirm-account#token="));
    await button("Confirm").click();
    await page.getByText("Your account is ready.").waitFor();
    assert.equal(page.url().includes("token"), false, "the token stays in the address");
  });

  it("signs in, and turns a second factor on", async () => {
    await signIn();
    await button("Set up a second factor").click();
    await field("Your password, first").fill(person.password);
    await button("Continue").click();
    await page.getByRole("img", { name: "QR code for your authenticator app" }).waitFor();
    secret = (await page.locator("#second-factor-key input").inputValue()).replaceAll(" ", "");
    await field("Code").fill(codeNow());
    await button("Turn on").click();
    const codes = page.getByRole("list", { name: "Recovery codes" }).getByRole("listitem");
    await codes.first().waitFor();
    assert.equal(await codes.count(), 10);
    recoveryCode = (await codes.first().innerText()).trim();
    await button("I have kept them").click();
    await page.getByText("10 of 10 left").waitFor();
  });

  it("signs out, and in again with a code, or with a recovery code", async () => {
    await signOut();
    await signIn();
    await page.getByRole("heading", { name: "Verify that it is you" }).waitFor();
    await field("Code of your authenticator app").fill("000000");
    await button("Verify").click();
    await page.getByText("The code was not accepted").waitFor();
    await field("Code of your authenticator app").fill(codeNow(1));
    await button("Verify").click();
    await page.getByText("10 of 10 left").waitFor();
    await signOut();
    await signIn();
    await button("Use a recovery code").click();
    await field("Recovery code").fill(recoveryCode);
    await button("Verify").click();
    await page.getByText("9 of 10 left").waitFor();
  });

  it("sees the session, resets a forgotten password, and is still asked for the code", async () => {
    await page.getByRole("tab", { name: "Sessions" }).click();
    await page.getByText("this one").waitFor();
    await signOut();
    await page.getByRole("link", { name: "Forgotten your password?" }).click();
    await field("E-mail address").fill(person.email);
    await button("Send me a link").click();
    await page.getByText("a link is on its way to it").waitFor();
    await page.goto(await linkMailed("/reset-password#token="));
    await field("New password").fill("another horse battery staple");
    await button("Set the password").click();
    await page.getByText("You are signed out everywhere").waitFor();
    await signIn("another horse battery staple");
    await page.getByRole("heading", { name: "Verify that it is you" }).waitFor();
  });

  it("meets no fault on the way", () => {
    assert.deepEqual(opened.faults, []);
  });
});
