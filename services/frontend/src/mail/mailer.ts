import { AppError, createSemaphore, errorMessage, type Logger } from "@rciots/runtime";
import { createTransport } from "nodemailer";

export interface Mail {
  /** One address. */
  to: string;
  subject: string;
  /** Plain text; lines end in `\n`. */
  text: string;
}

export interface Mailer {
  /** Without it `send` refuses, and whoever would mail something has to show it instead. */
  isConfigured: boolean;
  /** Resolves once the mail server has taken the mail. Throws 502 `mail_failed`, 503 `busy` or `mail_not_configured`. */
  send(mail: Mail): Promise<void>;
}

export interface MailerOptions {
  /**
   * `smtp://user:password@host:587`, or `smtps://` for TLS from the first byte. Options of nodemailer may follow as
   * a query, such as `?requireTLS=false` for a relay that knows no TLS.
   */
  smtpUrl: string | undefined;
  /** Sender, such as `RCIoTS <no-reply@example.com>`. */
  from: string | undefined;
  logger: Logger;
}

const maxConcurrent = 4;
const maxWaiting = 200;
const timeouts = {
  dnsTimeout: 10_000,
  connectionTimeout: 10_000,
  greetingTimeout: 10_000,
  socketTimeout: 30_000,
};

/** Mails hold links that stand in for a password: they leave this machine encrypted unless the URL says otherwise. */
function needsTls(smtpUrl: string): boolean {
  return !["localhost", "127.0.0.1", "[::1]"].includes(new URL(smtpUrl).hostname);
}

const unconfigured: Mailer = {
  isConfigured: false,
  async send() {
    const message = "The platform can't send mail: no mail server is configured.";
    throw new AppError({ code: "mail_not_configured", status: 503, message });
  },
};

/** Sends plain text mail over SMTP, a few at a time. Connects when there is something to send. */
export function createMailer({ smtpUrl, from, logger }: MailerOptions): Mailer {
  if (smtpUrl === undefined || from === undefined) return unconfigured;
  const semaphore = createSemaphore(maxConcurrent);
  const transport = createTransport({
    url: smtpUrl,
    requireTLS: needsTls(smtpUrl),
    // A mail is made of the text we give; nothing in it may name a file or an address to read from.
    disableFileAccess: true,
    disableUrlAccess: true,
    ...timeouts,
  });

  return {
    isConfigured: true,
    async send({ to, subject, text }) {
      if (semaphore.waiting >= maxWaiting) {
        throw new AppError({ code: "busy", status: 503, message: "Too many mails wait to be sent." });
      }
      // As an object the recipient is one address, whatever it is made of.
      const recipient = { name: "", address: to };
      try {
        await semaphore.run(() => transport.sendMail({ from, to: recipient, subject, text }));
      } catch (error) {
        logger.warn({ error: errorMessage(error) }, "mail not sent");
        const message = "The mail could not be sent; try again later.";
        throw new AppError({ code: "mail_failed", status: 502, message, cause: error });
      }
    },
  };
}
