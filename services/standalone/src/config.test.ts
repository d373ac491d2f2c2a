import assert from "node:assert/strict";
import { loadConfig } from "./config.ts";

describe("when the platform is to send mail", () => {
  const mail = { RCIOTS_SMTP_URL: "smtp://localhost", RCIOTS_MAIL_FROM: "RCIoTS <no-reply@example.com>" };

  it("needs a sender and the console's address for its links", () => {
    assert.throws(() => loadConfig({ RCIOTS_SMTP_URL: "smtp://localhost" }), /MAIL_FROM[^]*CONSOLE_URL/);
    assert.throws(() => loadConfig(mail), /RCIOTS_CONSOLE_URL is missing/);
    const config = loadConfig({ ...mail, RCIOTS_CONSOLE_URL: "https://console.example.com/" });
    assert.equal(config.consoleUrl, "https://console.example.com");
    assert.equal(loadConfig({}).smtpUrl, undefined);
  });
});
