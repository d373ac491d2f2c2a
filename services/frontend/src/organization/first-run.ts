import { newId, type Vault } from "@rciots/runtime";
import { isDuplicateKey, type Store } from "@rciots/store";
import { createPasswords, generatePassword } from "../auth/password.ts";
import { newOrganization } from "./organization.service.ts";

export interface FirstRun {
  organizationId: string;
  username: string;
  /** Only where it was made in this very call. */
  password?: string;
}

const organizationKey = "first-run.organization";
const administratorKey = "first-run.administrator";
const doneKey = "first-run.done";
const username = "admin";

async function unlessThere(insertion: Promise<void>): Promise<boolean> {
  try {
    await insertion;
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}

/**
 * Creates the organisation `default` and its owner `admin`, who also administers the platform: once in the life
 * of a store, on whichever replica comes first, and to its end where an earlier call died half-way. What an
 * operator renames or deletes later stays so. A password given later changes nothing.
 */
export async function ensureFirstRun(options: {
  store: Pick<Store, "accounts" | "organizations" | "platformValues">;
  vault: Vault;
  adminPassword?: string | undefined;
}): Promise<FirstRun> {
  const { store, vault, adminPassword } = options;
  const organizationId = await store.platformValues.getOrCreate(organizationKey, () => newId("org"));
  if ((await store.platformValues.get(doneKey)) !== undefined) return { organizationId, username };

  const userId = await store.platformValues.getOrCreate(administratorKey, () => newId("usr"));
  const organization = newOrganization({ id: organizationId, name: "default", vault });
  await unlessThere(store.organizations.insert(organization));
  const password = adminPassword ?? generatePassword();
  const isNew = await unlessThere(
    store.accounts.insertUser({
      _id: userId,
      email: "admin@localhost",
      username,
      passwordHash: await createPasswords().hash(password),
      isPlatformAdmin: true,
      status: "active",
      memberships: [{ organizationId, role: "owner" }],
      createdAt: new Date(),
    }),
  );
  await store.platformValues.set(doneKey, new Date().toISOString());
  return { organizationId, username, ...(isNew && adminPassword === undefined ? { password } : {}) };
}
