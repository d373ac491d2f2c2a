/** Where web tunnels have their names: one label below a domain, on the console's own port. */
export interface ProxySite {
  /** `till-7-x4k2` of `till-7-x4k2.apps.example.com:8443`; undefined for any other host. */
  labelOf(host: string | undefined): string | undefined;
  /** Without a slash at its end. */
  originOf(label: string): string;
  /** Where people sign in. */
  consoleUrl(): string;
  isSecure(): boolean;
}

export function createProxySite(options: {
  domain: string;
  /** The console as browsers reach it; undefined: on this machine. */
  consoleUrl: string | undefined;
  /** Of this process; known once it listens. */
  port: () => number;
}): ProxySite {
  const suffix = `.${options.domain.toLowerCase()}`;
  const consoleUrl = (): URL => new URL(options.consoleUrl ?? `http://localhost:${options.port()}`);
  return {
    labelOf(host) {
      const name = (host ?? "").toLowerCase().replace(/:\d+$/, "");
      return name.endsWith(suffix) ? name.slice(0, -suffix.length) : undefined;
    },
    originOf(label) {
      const { protocol, port } = consoleUrl();
      return `${protocol}//${label}${suffix}${port === "" ? "" : `:${port}`}`;
    },
    consoleUrl: () => consoleUrl().href.replace(/\/$/, ""),
    isSecure: () => consoleUrl().protocol === "https:",
  };
}
