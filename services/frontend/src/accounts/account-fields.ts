import { z } from "zod";

export const usernameField = z
  .string()
  .min(2)
  .max(64)
  .regex(/^[a-z0-9][a-z0-9._-]*$/, "must be lower-case letters, digits, '.', '_' and '-'");

export const emailField = z.email().max(254).toLowerCase();

/** A password that is there already, as somebody types it. */
export const passwordField = z.string().min(1).max(256);

/** The token of a link that was mailed. */
export const linkTokenField = z.string().min(1).max(128);

/** Six digits of an app, or a recovery code; with spaces or dashes, as people type them. */
export const secondFactorCodeField = z.string().trim().min(6).max(40);
