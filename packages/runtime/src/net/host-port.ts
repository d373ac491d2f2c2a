/** A host as it stands in an address or URL: an IPv6 address in brackets. */
export const inBrackets = (host: string): string => (host.includes(":") ? `[${host}]` : host);

/** `192.168.1.20:22`, `[fd00::7]:22`. */
export const joinHostPort = (host: string, port: number): string => `${inBrackets(host)}:${port}`;
