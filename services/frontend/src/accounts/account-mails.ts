import type { Mailer } from "../mail/mailer.ts";
import type { RequestLimits } from "./request-limits.ts";

/** Pages of the console that links lead to. The token stands behind `#`: no server and no log ever sees it. */
export const linkPages = {
  "sign-up": "/confirm-account",
  "change-email": "/confirm-email",
  "reset-password": "/reset-password",
} as const;

/** Absolute where the console's address is known, else for whoever shows it to complete. */
export function linkTo(consoleUrl: string | undefined, page: keyof typeof linkPages, token: string): string {
  return `${consoleUrl ?? ""}${linkPages[page]}#token=${token}`;
}

interface Person {
  email: string;
  username: string;
}

export type AccountMails = ReturnType<typeof createAccountMails>;

const greeting = ({ username }: { username: string }): string => `Hello ${username},\n\n`;
const notYou = "If that was not you, ignore this mail: nothing happens without the link.\n";
const notYouNow = "If that was not you, reset your password now, and tell your administrator.\n";

/** What the platform writes to people about their accounts. Each rejects where the mail server doesn't take it. */
export function createAccountMails(options: {
  mailer: Mailer | undefined;
  consoleUrl: string | undefined;
  limits: Pick<RequestLimits, "mayMail">;
}) {
  const { mailer, consoleUrl, limits } = options;
  if (mailer?.isConfigured === true && consoleUrl === undefined) {
    throw new Error("Mails hold links to the console: its public address has to be configured.");
  }

  async function send(to: string, subject: string, text: string): Promise<void> {
    if (mailer?.isConfigured === true) await mailer.send({ to, subject: `RCIoTS: ${subject}`, text });
  }
  /** For mails that anybody can cause. Each kind has its own count, so that none keeps another one away. */
  async function sendLimited(to: string, subject: string, text: string): Promise<void> {
    if (await limits.mayMail(`${subject} ${to}`)) await send(to, subject, text);
  }
  const link = (page: keyof typeof linkPages, token: string): string => linkTo(consoleUrl, page, token);

  return {
    isConfigured: mailer?.isConfigured === true,

    confirmSignUp: (to: Person, token: string) =>
      sendLimited(
        to.email,
        "confirm your e-mail address",
        `${greeting(to)}somebody, likely you, asked for an account with the user name ${to.username}.\n` +
          `Open this link within a day to create it:\n\n  ${link("sign-up", token)}\n\n${notYou}`,
      ),

    addressInUse: (to: Person) =>
      sendLimited(
        to.email,
        "you have an account already",
        `${greeting(to)}somebody, likely you, asked for an account with this e-mail address.\n` +
          `You have one: sign in as ${to.username} at\n\n  ${consoleUrl ?? ""}\n\n` +
          "The sign-in page also helps where the password is forgotten.\n",
      ),

    resetPassword: (to: Person, token: string) =>
      sendLimited(
        to.email,
        "reset your password",
        `${greeting(to)}open this link within an hour to choose a new password:\n\n` +
          `  ${link("reset-password", token)}\n\n${notYou}`,
      ),

    changeEmail: (to: Person, token: string) =>
      sendLimited(
        to.email,
        "confirm your new e-mail address",
        `${greeting(to)}open this link within a day to use this address for your account:\n\n` +
          `  ${link("change-email", token)}\n\n${notYou}`,
      ),

    /** Of what happened to the account; `what` goes on after "your". */
    notify: (to: Person, what: string) =>
      send(to.email, `your ${what}`, `${greeting(to)}your ${what}.\n\n${notYouNow}`),
  };
}
