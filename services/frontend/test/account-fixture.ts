import assert from "node:assert/strict";
import { createMailer, type FrontendOptions } from "@rciots/frontend";
import { silentLogger } from "@rciots/runtime";
import { eventually, startApi, type ApiFixture } from "./api-fixture.ts";
import { startMailbox, type Mailbox, type ReceivedMail } from "./mailbox.ts";

export const consoleUrl = "https://console.example.com";

export interface MailedApi extends ApiFixture {
  mailbox: Mailbox;
  /** Waits for the newest mail to this address beyond the first `after`. */
  mailTo(address: string, after?: number): Promise<ReceivedMail>;
  mailsTo(address: string): ReceivedMail[];
}

/** The service with a real mail server beside it. */
export async function startMailedApi(options: Partial<FrontendOptions> = {}): Promise<MailedApi> {
  const mailbox = await startMailbox();
  const from = "RCIoTS <no-reply@example.com>";
  const mailer = createMailer({ smtpUrl: mailbox.smtpUrl, from, logger: silentLogger });
  const publicUrls = { enroll: "https://e.example.com", edge: "https://d.example.com", console: consoleUrl };
  const api = await startApi({ mailer, publicUrls, signUp: "open", ...options });
  const mailsTo = (address: string): ReceivedMail[] => mailbox.mails.filter(({ to }) => to.includes(address));
  return {
    ...api,
    mailbox,
    mailsTo,
    async mailTo(address, after = 0) {
      await eventually(() => assert.ok(mailsTo(address).length > after, `no mail to ${address}`));
      const mail = mailsTo(address).at(-1);
      assert.ok(mail);
      return mail;
    },
    async stop() {
      await api.stop();
      await mailbox.stop();
    },
  };
}

/** The token of the link in a mail; it stands in the fragment, where no server sees it. */
export function tokenIn(mail: ReceivedMail, page: string): string {
  const link = mail.text.match(/https:\/\/\S+/)?.[0] ?? "";
  const url = new URL(link);
  assert.equal(url.origin, consoleUrl);
  assert.equal(url.pathname, page);
  assert.equal(url.search, "");
  const token = new URLSearchParams(url.hash.slice(1)).get("token") ?? "";
  assert.match(token, /^rcl_[\w-]{43}$/);
  return token;
}
