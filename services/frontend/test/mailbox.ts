import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { SMTPServer } from "smtp-server";

export interface ReceivedMail {
  to: string[];
  raw: string;
  /** The text as a person reads it. */
  text: string;
}

export interface Mailbox {
  smtpUrl: string;
  mails: ReceivedMail[];
  stop(): Promise<void>;
}

/** Undoes quoted-printable and base64, as plain text mails are encoded. */
function readText(raw: string): string {
  const at = raw.indexOf("\r\n\r\n");
  const [head, body] = [raw.slice(0, at), raw.slice(at + 4)];
  if (/^content-transfer-encoding: base64/im.test(head)) return Buffer.from(body, "base64").toString("utf8");
  if (!/^content-transfer-encoding: quoted-printable/im.test(head)) return body;
  const bytes = body
    .replace(/=\r\n/g, "")
    .replace(/=([0-9A-F]{2})/g, (_all, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}

/** A real SMTP server that keeps what it gets. With a `password` it wants `user` to log in. */
export async function startMailbox(options: { password?: string } = {}): Promise<Mailbox> {
  const mails: ReceivedMail[] = [];
  const server = new SMTPServer({
    authOptional: options.password === undefined,
    allowInsecureAuth: true,
    // Its certificate is a sample one, which a client rightly refuses.
    disabledCommands: ["STARTTLS", ...(options.password === undefined ? ["AUTH"] : [])],
    onAuth({ username, password }, _session, callback) {
      const isRight = username === "user" && password === options.password;
      callback(isRight ? null : new Error("Invalid login"), { user: username });
    },
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const raw = Buffer.concat(chunks).toString("utf8");
        mails.push({ to: session.envelope.rcptTo.map(({ address }) => address), raw, text: readText(raw) });
        callback();
      });
    },
  });
  server.on("error", () => undefined);
  server.listen(0, "0.0.0.0");
  await once(server.server, "listening");
  const { port } = server.server.address() as AddressInfo;
  return {
    smtpUrl: `smtp://127.0.0.1:${port}`,
    mails,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
