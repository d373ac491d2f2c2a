import { readFileSync } from "node:fs";

export type Environment = Readonly<Record<string, string | undefined>>;

/** All faults of a configuration at once, each naming its setting. */
export class ConfigError extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(
      `The configuration has ${faults.length === 1 ? "a fault" : `${faults.length} faults`}:\n${faults.map((fault) => `  - ${fault}`).join("\n")}`,
    );
    this.name = "ConfigError";
    this.faults = faults;
  }
}

interface Described<T> {
  readonly env: string;
  readonly about: string;
  readonly isSecret: boolean;
  readonly fallback: T | undefined;
  readonly fallbackText: string;
  /** Throws an Error that says what is wrong with the text. */
  parse(text: string): T;
}

/** One setting: `--console-port` on the command line is `RCIOTS_CONSOLE_PORT` in the environment. */
export type Setting<T> = Described<T>;

interface SettingOptions<T> {
  env: string;
  about: string;
  fallback?: T;
  fallbackText?: string;
}

function setting<T>(
  options: SettingOptions<T> & { parse: (text: string) => T; isSecret?: boolean },
): Setting<T> {
  const { fallback } = options;
  const shown = fallback === undefined ? "" : Array.isArray(fallback) ? fallback.join(",") : String(fallback);
  return {
    env: options.env,
    about: options.about,
    isSecret: options.isSecret ?? false,
    fallback,
    fallbackText: options.fallbackText ?? shown,
    parse: options.parse,
  };
}

export const text = (options: SettingOptions<string>): Setting<string> =>
  setting({ ...options, parse: (value) => value });

/** A domain of two labels or more, in lower case. */
export const domain = (options: SettingOptions<string>): Setting<string> =>
  setting({
    ...options,
    parse(value) {
      const label = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
      if (value.length > 180 || !new RegExp(`^${label}(?:\\.${label})+$`).test(value))
        throw new Error(`must be a domain such as apps.example.com, not "${value}"`);
      return value;
    },
  });

/** Also read from the file that `<NAME>_FILE` names; never shown. */
export const secret = (options: SettingOptions<string>): Setting<string> =>
  setting({ ...options, isSecret: true, parse: (value) => value });

/** A secret URL, such as one with a password in it; `schemes` without the colon. */
export const secretUrl = (
  options: SettingOptions<string> & { schemes: readonly string[] },
): Setting<string> =>
  setting({
    ...options,
    isSecret: true,
    parse(value) {
      if (!options.schemes.includes(new URL(value).protocol.slice(0, -1))) throw new Error("is not valid");
      return value;
    },
  });

export function integer(options: SettingOptions<number> & { min: number; max: number }): Setting<number> {
  return setting({
    ...options,
    parse(value) {
      const number = Number(value);
      if (!/^-?\d+$/.test(value) || number < options.min || number > options.max) {
        throw new Error(`must be a whole number from ${options.min} to ${options.max}, not "${value}"`);
      }
      return number;
    },
  });
}

export const port = (options: SettingOptions<number>): Setting<number> =>
  integer({ ...options, min: 0, max: 65_535 });

/** `20000-20999`, or one port. */
export function portRange(
  options: SettingOptions<{ first: number; last: number }>,
): Setting<{ first: number; last: number }> {
  return setting({
    ...options,
    parse(value) {
      const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(value);
      const first = Number(match?.[1]);
      const last = Number(match?.[2] ?? match?.[1]);
      if (!(first >= 1 && first <= last && last <= 65_535))
        throw new Error(`must be ports such as 20000-20999, not "${value}"`);
      return { first, last };
    },
  });
}

export function flag(options: SettingOptions<boolean>): Setting<boolean> {
  return setting({
    ...options,
    parse(value) {
      if (["1", "true", "yes", "on", ""].includes(value.toLowerCase())) return true;
      if (["0", "false", "no", "off"].includes(value.toLowerCase())) return false;
      throw new Error(`must be true or false, not "${value}"`);
    },
  });
}

export function oneOf<const T extends string>(
  options: SettingOptions<T> & { values: readonly T[] },
): Setting<T> {
  return setting({
    ...options,
    parse(value) {
      const found = options.values.find((candidate) => candidate === value);
      if (found === undefined) throw new Error(`must be one of ${options.values.join(", ")}, not "${value}"`);
      return found;
    },
  });
}

/** Comma-separated. */
export const list = (options: SettingOptions<string[]>): Setting<string[]> =>
  setting({
    ...options,
    parse: (value) =>
      value
        .split(",")
        .map((part) => part.trim())
        .filter((part) => part !== ""),
  });

export function httpUrl(options: SettingOptions<string>): Setting<string> {
  return setting({
    ...options,
    parse(value) {
      let url: URL;
      try {
        url = new URL(value);
      } catch {
        throw new Error(`must be a URL such as https://platform.example.com, not "${value}"`);
      }
      if (!["http:", "https:"].includes(url.protocol))
        throw new Error(`must be an http or https URL, not "${value}"`);
      return value.replace(/\/+$/, "");
    },
  });
}

/** `10.0.0.7:8446`, `relay.example.com:8446` or `[fd00::7]:8446`. */
export function hostAndPort(options: SettingOptions<string>): Setting<string> {
  return setting({
    ...options,
    parse(value) {
      const port = Number(/^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(value)?.[1]);
      if (!(port >= 1 && port <= 65_535)) throw new Error(`must be such as 10.0.0.7:8446, not "${value}"`);
      return value;
    },
  });
}

/** Days, hours, minutes, seconds or milliseconds, as `90d`, `12h`, `5m`, `30s`, `250ms`; the value is in milliseconds. */
export function duration(
  options: SettingOptions<number> & { minMs: number; maxMs: number },
): Setting<number> {
  const units: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  return setting({
    ...options,
    parse(value) {
      const match = /^(\d+)(ms|s|m|h|d)$/.exec(value);
      const valueMs = Number(match?.[1]) * (units[match?.[2] ?? ""] ?? Number.NaN);
      if (!(valueMs >= options.minMs && valueMs <= options.maxMs)) {
        throw new Error(`must be a duration such as 30s, 5m, 12h or 90d within its limits, not "${value}"`);
      }
      return valueMs;
    },
  });
}

// A setting without a fallback may be missing.
type Loaded<Settings> = {
  readonly [Key in keyof Settings]: Settings[Key] extends Setting<infer T>
    ? T | OptionalOf<Settings[Key]>
    : never;
};
type OptionalOf<S> = S extends { readonly required: true } ? never : undefined;

/** Marks a setting as always present: it has a fallback, or its absence is a fault. */
export function required<T>(from: Setting<T>): Setting<T> & { readonly required: true } {
  return { ...from, required: true };
}

const flagName = (env: string): string =>
  `--${env
    .replace(/^RCIOTS_/, "")
    .toLowerCase()
    .replaceAll("_", "-")}`;

function readFlags(
  args: readonly string[],
  settings: Record<string, Setting<unknown>>,
  faults: string[],
): Record<string, string> {
  const known = new Map(Object.values(settings).map((entry) => [flagName(entry.env), entry]));
  const found: Record<string, string> = {};
  for (let index = 0; index < args.length; index += 1) {
    const [name = "", inline] = splitOnce(args[index] ?? "", "=");
    const entry = known.get(name);
    if (entry === undefined) {
      faults.push(`${name} is not an option; --help lists them`);
      continue;
    }
    const next = args[index + 1];
    const takesNext = inline === undefined && next !== undefined && !next.startsWith("--");
    if (takesNext) index += 1;
    const value = inline ?? (takesNext ? next : "");
    if (entry.isSecret)
      faults.push(`${name} would show the secret in the process list; set ${entry.env} or ${entry.env}_FILE`);
    else found[entry.env] = found[entry.env] === undefined ? value : `${found[entry.env]},${value}`;
  }
  return found;
}

function splitOnce(value: string, separator: string): [string, string | undefined] {
  const at = value.indexOf(separator);
  return at < 0 ? [value, undefined] : [value.slice(0, at), value.slice(at + 1)];
}

function readSecretFile(env: Environment, name: string, faults: string[]): string | undefined {
  const file = env[`${name}_FILE`];
  if (file === undefined || file === "") return undefined;
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    faults.push(
      `${name}_FILE names a file that can't be read: ${error instanceof Error ? error.message : String(error)}`,
    );
    return undefined;
  }
}

/**
 * Reads every setting from the command line, then the environment, then its fallback. Pure but for the files
 * that `*_FILE` names. Throws one `ConfigError` with all the faults.
 */
export function loadSettings<const Settings extends Record<string, Setting<unknown>>>(
  settings: Settings,
  from: { env: Environment; args?: readonly string[] },
): Loaded<Settings> {
  const faults: string[] = [];
  const flags = readFlags(from.args ?? [], settings, faults);
  const loaded: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(settings)) {
    const fromEnv = from.env[entry.env];
    const value =
      flags[entry.env] ??
      (fromEnv === "" ? undefined : fromEnv) ??
      (entry.isSecret ? readSecretFile(from.env, entry.env, faults) : undefined);
    loaded[key] = entry.fallback;
    if (value === undefined) {
      if ("required" in entry && entry.fallback === undefined)
        faults.push(`${entry.env} is missing: ${entry.about}`);
      continue;
    }
    try {
      loaded[key] = entry.parse(value);
    } catch (error) {
      const shown = flags[entry.env] === undefined ? entry.env : flagName(entry.env);
      faults.push(
        `${shown} ${entry.isSecret ? "is not valid" : error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return Object.freeze(loaded) as Loaded<Settings>;
}

/** The `--help` text: a line for each setting with its flag, variable and default. */
export function describeSettings(settings: Record<string, Setting<unknown>>): string {
  return Object.values(settings)
    .map((entry) => {
      const names = entry.isSecret
        ? `${entry.env} or ${entry.env}_FILE`
        : `${flagName(entry.env)}, ${entry.env}`;
      const fallback = entry.fallbackText === "" ? "" : ` (default: ${entry.fallbackText})`;
      return `  ${names}\n      ${entry.about}${fallback}`;
    })
    .join("\n");
}

/** The loaded configuration for the log, with secrets blanked. */
export function redactSettings(
  settings: Record<string, Setting<unknown>>,
  loaded: Record<string, unknown>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(loaded).map(([key, value]) => [
      key,
      settings[key]?.isSecret === true && value !== undefined ? "[redacted]" : value,
    ]),
  );
}
