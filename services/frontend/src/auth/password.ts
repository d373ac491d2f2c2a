import { hash, verify } from "@node-rs/argon2";
import { AppError, createSemaphore } from "@rciots/runtime";
import { randomBytes } from "node:crypto";
import { z } from "zod";

/** A new password. Length is what counts; the upper bound keeps hashing cheap. */
export const newPasswordField = z.string().min(12, "must have at least 12 characters").max(256);

/** Argon2id (the library's only default) as OWASP recommends it: 19 MiB, two passes, one lane. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** Each takes 19 MiB and a thread of the pool that file and DNS calls need too. */
const maxConcurrent = 2;
const maxWaiting = 64;

export interface Passwords {
  hash(password: string): Promise<string>;
  /** Takes the same work for a hash of null, so that an unknown user can't be told by the time it takes. */
  verify(passwordHash: string | null, password: string): Promise<boolean>;
}

/** Hashes and checks passwords, a few at a time; throws 503 where too many wait. */
export function createPasswords(): Passwords {
  const semaphore = createSemaphore(maxConcurrent);
  let decoy: Promise<string> | undefined;

  async function run<T>(work: () => Promise<T>): Promise<T> {
    if (semaphore.waiting >= maxWaiting) {
      const details = { retryAfterMs: 2_000 };
      throw new AppError({
        code: "busy",
        status: 503,
        message: "Too many people sign in right now; try again.",
        details,
      });
    }
    return semaphore.run(work);
  }

  return {
    hash: (password) => run(() => hash(password, cost)),
    async verify(passwordHash, password) {
      decoy ??= hash(randomBytes(32), cost);
      const against = passwordHash ?? (await decoy);
      const isRight = await run(() => verify(against, password));
      return isRight && passwordHash !== null;
    },
  };
}

/** A password nobody chose: 132 random bits in letters and digits that can't be mistaken for each other. */
export function generatePassword(): string {
  const alphabet = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
  const letters: string[] = [];
  while (letters.length < 24) {
    // 224 is the largest multiple of the alphabet's 56 below 256: no letter is likelier than another.
    for (const byte of randomBytes(48)) {
      if (byte < 224 && letters.length < 24) letters.push(alphabet.charAt(byte % alphabet.length));
    }
  }
  return letters.join("");
}
