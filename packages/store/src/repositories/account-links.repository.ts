import type { AccountLink, Models, SignUp } from "../models.ts";

/** What is mailed to people to show that an address is theirs: links of users, and sign-ups that wait for it. */
export function createAccountLinkRepository({ accountLinks, signUps }: Models) {
  return {
    async insert(link: AccountLink): Promise<void> {
      await accountLinks.create(link);
    },

    async find(
      purpose: AccountLink["purpose"],
      tokenHash: string,
      now = new Date(),
    ): Promise<AccountLink | null> {
      return accountLinks.findOne({ _id: tokenHash, purpose, expiresAt: { $gt: now } }).lean<AccountLink>();
    },

    /** The newest of a person that is in force. */
    async findOf(
      userId: string,
      purpose: AccountLink["purpose"],
      now = new Date(),
    ): Promise<AccountLink | null> {
      return accountLinks
        .findOne({ userId, purpose, expiresAt: { $gt: now } })
        .sort({ createdAt: -1 })
        .lean<AccountLink>();
    },

    /** Uses it up: of several callers one gets it, the others null. */
    async take(
      purpose: AccountLink["purpose"],
      tokenHash: string,
      now = new Date(),
    ): Promise<AccountLink | null> {
      return accountLinks
        .findOneAndDelete({ _id: tokenHash, purpose, expiresAt: { $gt: now } })
        .lean<AccountLink>();
    },

    async deleteOf(userId: string, purpose: AccountLink["purpose"]): Promise<void> {
      await accountLinks.deleteMany({ userId, purpose });
    },

    async insertSignUp(signUp: SignUp): Promise<void> {
      await signUps.create(signUp);
    },

    async findSignUp(tokenHash: string, now = new Date()): Promise<SignUp | null> {
      return signUps.findOne({ tokenHash, expiresAt: { $gt: now } }).lean<SignUp>();
    },

    /** The newest that waits; `login` is an e-mail address or a user name, in lower case. */
    async findSignUpByLogin(login: string, now = new Date()): Promise<SignUp | null> {
      const by = login.includes("@") ? { email: login } : { username: login };
      return signUps
        .findOne({ ...by, expiresAt: { $gt: now } })
        .sort({ createdAt: -1 })
        .lean<SignUp>();
    },

    /** A new link in place of the one before. False: the sign-up is gone. */
    async renewSignUp(signUpId: string, change: Pick<SignUp, "tokenHash" | "expiresAt">): Promise<boolean> {
      return (await signUps.updateOne({ _id: signUpId }, { $set: change })).matchedCount === 1;
    },

    /** Sign-ups of this address that wait. */
    async countSignUps(email: string, now = new Date()): Promise<number> {
      return signUps.countDocuments({ email, expiresAt: { $gt: now } });
    },

    async deleteSignUps(email: string): Promise<void> {
      await signUps.deleteMany({ email });
    },
  };
}
