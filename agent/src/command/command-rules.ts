import { createHash } from "node:crypto";
import type { PlatformRequest } from "@rciots/protocol";
import { AppError } from "@rciots/runtime";

export type CommandRequest = PlatformRequest<"command:start">;

export const commandPlaces = ["off", "host", "pods", "any"] as const;

export interface CommandRuleTexts {
  /** `any`: on the device itself and in its Pods. */
  places: (typeof commandPlaces)[number];
  /** One rule a line; without any, what is not denied is allowed. */
  allow?: string | undefined;
  deny?: string | undefined;
}

/** What this device runs for the platform. It is asked on every command, whatever the platform has checked. */
export interface CommandRules {
  /** False: nothing is allowed, and the device says that it takes no commands. */
  readonly isOpen: boolean;
  /** Throws AppError `command_denied`. */
  check(request: Pick<CommandRequest, "place" | "program" | "environment">): void;
}

type Rule = (request: Pick<CommandRequest, "program">, text: string) => boolean;

/** Variables that make a program run something else than its name says. */
const steering =
  /^(PATH|IFS|ENV|SHELLOPTS|BASHOPTS|PS4|BASH_.*|LD_.*|DYLD_.*|GCONV_PATH|PYTHON.*|PERL.*|RUBY.*|NODE_.*|PSMODULEPATH)$/i;

const denied = (message: string): AppError => new AppError({ code: "command_denied", status: 403, message });

/**
 * A command as rules see it: its words joined by blanks; of a script `#!INTERPRETER ARGUMENTS`, a line break and
 * the whole text.
 */
export function textOf({ program }: Pick<CommandRequest, "program">): string {
  if (program.kind === "argv") return program.argv.join(" ");
  return `#!${[program.interpreter, ...program.arguments].join(" ")}\n${program.text}`;
}

const linesOf = (text: string | undefined): string[] =>
  (text ?? "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");

function ruleOf(line: string, wrap: (pattern: string) => string): Rule {
  const digest = /^sha256:(.*)$/.exec(line)?.[1];
  if (digest !== undefined) {
    if (!/^[0-9a-f]{64}$/.test(digest)) throw new Error(`has a rule that is no SHA-256 in hex: "${line}"`);
    return ({ program }) =>
      program.kind === "script" && createHash("sha256").update(program.text).digest("hex") === digest;
  }
  let pattern: RegExp;
  try {
    pattern = new RegExp(wrap(line), "u");
  } catch {
    throw new Error(`has a rule that is no regular expression: "${line}"`);
  }
  return (_request, text) => pattern.test(text);
}

/**
 * Rules are regular expressions, or `sha256:` and the digest of a script's text. An allowing one must match the whole
 * command, a denying one any part of it; denying ones win. Throws an Error that says what is wrong.
 */
export function parseCommandRules({ places, allow, deny }: CommandRuleTexts): CommandRules {
  const allowing = linesOf(allow).map((line) => ruleOf(line, (pattern) => `^(?:${pattern})$`));
  const denying = linesOf(deny).map((line) => ruleOf(line, (pattern) => pattern));
  return {
    isOpen: places !== "off",
    check(request) {
      const isPod = request.place.kind === "pod";
      if (places === "off" || (places !== "any" && isPod !== (places === "pods")))
        throw denied(
          `The device takes no commands ${isPod ? "in its Pods" : "on itself"} (RCIOTS_COMMANDS is ${places}).`,
        );
      const text = textOf(request);
      if (denying.some((rule) => rule(request, text)))
        throw denied("The device's own rules forbid this command (RCIOTS_COMMAND_DENY).");
      if (allowing.length === 0) return;
      if (!allowing.some((rule) => rule(request, text)))
        throw denied("The device's own rules do not allow this command (RCIOTS_COMMAND_ALLOW).");
      const variable = Object.keys(request.environment).find((name) => steering.test(name));
      if (variable !== undefined)
        throw denied(
          `The device's own rules do not allow the variable ${variable}: it could change what runs.`,
        );
    },
  };
}
