export interface PasswordStrength {
  /** 0 (refused) to 4. */
  score: 0 | 1 | 2 | 3 | 4;
  label: string;
  /** What would help most; empty where nothing has to. */
  advice: string;
}

/** The platform's own bounds. */
export const minPasswordLength = 12;
const maxPasswordLength = 256;

const common = [
  "password",
  "passwort",
  "qwerty",
  "123456",
  "letmein",
  "welcome",
  "admin",
  "rciots",
  "iloveyou",
];
const labels = ["too weak", "weak", "fair", "good", "strong"] as const;

/** Characters that say something: a run of equal or consecutive ones counts as one. */
function telling(password: string): number {
  const codes = [...password.toLowerCase()].map((letter) => letter.codePointAt(0) ?? 0);
  return codes.filter((code, index) => {
    const before = codes[index - 1];
    return before === undefined || Math.abs(code - before) > 1;
  }).length;
}

function kinds(password: string): number {
  return [/[a-z]/, /[A-Z]/, /\d/, /[^a-zA-Z\d]/].filter((kind) => kind.test(password)).length;
}

/** Judges by length above all, as the platform does; `own` are the person's own names, which anybody guesses first. */
export function passwordStrength(password: string, own: readonly string[] = []): PasswordStrength {
  const rate = (score: PasswordStrength["score"], advice: string): PasswordStrength => ({
    score,
    label: labels[score],
    advice,
  });
  if (password.length < minPasswordLength) {
    return rate(
      0,
      `Use ${minPasswordLength} characters or more; a few words that don't belong together do well.`,
    );
  }
  if (password.length > maxPasswordLength) return rate(0, `Use ${maxPasswordLength} characters at most.`);
  const lower = password.toLowerCase();
  const guesses = [...common, ...own.map((name) => name.toLowerCase()).filter((name) => name.length > 3)];
  const guess = guesses.find((word) => lower.includes(word));
  const worth = telling(guess === undefined ? lower : lower.replace(guess, "")) + kinds(password);
  if (guess !== undefined && worth < 16) return rate(1, `"${guess}" is among the first that anybody tries.`);
  if (worth < 10) return rate(1, "Repeated and consecutive characters hardly count.");
  if (worth < 15) return rate(2, "A little longer is a lot better.");
  return worth < 20 ? rate(3, "") : rate(4, "");
}
