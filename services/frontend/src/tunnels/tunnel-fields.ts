import { parseNetwork } from "@rciots/runtime";
import { z } from "zod";

function isNetwork(text: string): boolean {
  try {
    parseNetwork(text);
    return true;
  } catch {
    return false;
  }
}

export const networkField = z
  .string()
  .max(64)
  .refine(isNetwork, "must be an IPv4 or IPv6 address or network such as 10.0.0.0/8");
