import { conflict, newId } from "@rciots/runtime";
import { isDuplicateKey, type Store, type User } from "@rciots/store";
import type { Passwords } from "../auth/password.ts";

export interface NewAccount {
  /** Absent: a new one. */
  id?: string;
  email: string;
  username: string;
  memberships: User["memberships"];
}

export type AccountsService = ReturnType<typeof createAccountsService>;

const nameTaken = (): Error =>
  conflict({ code: "name_taken", message: "The user name or the e-mail address is taken." });

/** Creates accounts, for whoever may: people who sign up, who are invited, and whom an admin adds. */
export function createAccountsService(options: {
  store: Pick<Store, "accounts">;
  passwords: Pick<Passwords, "hash">;
}) {
  const { store, passwords } = options;

  /** Throws 409 `name_taken`. Whoever calls it has made sure that the address is the person's, or takes its word. */
  async function insert(input: NewAccount & { passwordHash: string }): Promise<User> {
    const user: User = {
      _id: input.id ?? newId("usr"),
      email: input.email,
      username: input.username,
      passwordHash: input.passwordHash,
      isPlatformAdmin: false,
      status: "active",
      memberships: input.memberships,
      createdAt: new Date(),
    };
    await store.accounts.insertUser(user).catch((error: unknown) => {
      throw isDuplicateKey(error) ? nameTaken() : error;
    });
    return user;
  }

  return {
    insert,

    /** As `insert`, of a password in clear; throws 503 `busy` too. */
    async create({ password, ...input }: NewAccount & { password: string }): Promise<User> {
      return insert({ ...input, passwordHash: await passwords.hash(password) });
    },

    /** Which of the names somebody has already. */
    async findTaken(names: {
      email: string;
      username: string;
    }): Promise<{ email: boolean; username: boolean }> {
      const [byEmail, byUsername] = await Promise.all([
        store.accounts.findUserByLogin(names.email),
        store.accounts.findUserByLogin(names.username),
      ]);
      return { email: byEmail !== null, username: byUsername !== null };
    },
  };
}
