/** What is wrong with a user name, in words; null: nothing. The platform's own rule. */
export function usernameFault(name: string): string | null {
  if (name.length < 2 || name.length > 64) return "Use 2 to 64 characters.";
  if (!/^[a-z0-9]/.test(name)) return "Begin with a lower-case letter or a digit.";
  return /^[a-z0-9._-]*$/.test(name) ? null : "Use lower-case letters, digits, '.', '_' and '-' only.";
}

export function emailFault(email: string): string | null {
  return /^[^\s@]+@[^\s@]+\.[^\s@.]+$/.test(email.trim()) ? null : "This is no e-mail address.";
}
