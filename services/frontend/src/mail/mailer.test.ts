import assert from "node:assert/strict";
import { createLogger, silentLogger } from "@rciots/runtime";
import { startMailbox } from "../../test/mailbox.ts";
import { createMailer } from "./mailer.ts";

const from = "RCIoTS <no-reply@example.com>";

describe("when mail is sent", () => {
  it("reaches the mail server as plain text, for one person", async () => {
    const mailbox = await startMailbox();
    try {
      const mailer = createMailer({ smtpUrl: mailbox.smtpUrl, from, logger: silentLogger });
      assert.equal(mailer.isConfigured, true);
      const subject = "Grüße\r\nBcc: eve@example.com";
      await mailer.send({ to: "ada@example.com", subject, text: "Über https://example.com/#token=1\n" });
      const [mail] = mailbox.mails;
      assert.deepEqual(mail?.to, ["ada@example.com"]);
      assert.match(mail.raw, /^From: RCIoTS <no-reply@example.com>/m);
      assert.match(mail.raw, /^Content-Type: text\/plain; charset=utf-8/m);
      assert.doesNotMatch(mail.raw, /^Bcc:/m);
      assert.equal(mail.text.trim(), "Über https://example.com/#token=1");
      await mailer.send({ to: "bob@example.com, eve@example.com", subject: "x", text: "x" }).catch(() => 0);
      assert.equal(mailbox.mails.flatMap((sent) => sent.to).includes("eve@example.com"), false);
    } finally {
      await mailbox.stop();
    }
  });

  it("says that it failed, and tells no password to the log", async () => {
    const mailbox = await startMailbox({ password: "right" });
    const lines: string[] = [];
    const logger = createLogger({ write: (line) => lines.push(line) });
    try {
      const smtpUrl = mailbox.smtpUrl.replace("//", "//user:wrong-secret@");
      const mailer = createMailer({ smtpUrl, from, logger });
      const mail = { to: "ada@example.com", subject: "x", text: "link" };
      await assert.rejects(mailer.send(mail), { code: "mail_failed", status: 502 });
      assert.equal(lines.length, 1);
      assert.doesNotMatch(lines.join(""), /wrong-secret|link/);
      assert.deepEqual(mailbox.mails, []);
    } finally {
      await mailbox.stop();
    }
  });

  it("refuses a mail server on another machine that offers no TLS, unless it is told to use it", async () => {
    const mailbox = await startMailbox();
    // Loopback by a name that is none of those known to stay on this machine.
    const smtpUrl = mailbox.smtpUrl.replace("127.0.0.1", "127.0.0.2");
    try {
      const mail = { to: "ada@example.com", subject: "x", text: "x" };
      const strict = createMailer({ smtpUrl, from, logger: silentLogger });
      await assert.rejects(strict.send(mail), { code: "mail_failed" });
      const told = createMailer({ smtpUrl: `${smtpUrl}?requireTLS=false`, from, logger: silentLogger });
      await told.send(mail);
      assert.equal(mailbox.mails.length, 1);
    } finally {
      await mailbox.stop();
    }
  });

  it("refuses where no mail server is configured", async () => {
    const mailer = createMailer({ smtpUrl: undefined, from: undefined, logger: silentLogger });
    assert.equal(mailer.isConfigured, false);
    await assert.rejects(mailer.send({ to: "a@b.c", subject: "", text: "" }), {
      code: "mail_not_configured",
    });
  });
});
