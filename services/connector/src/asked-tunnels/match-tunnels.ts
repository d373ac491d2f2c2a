import type { AskedTunnel } from "@rciots/protocol";
import type { Tunnel } from "@rciots/store";

/** What a device wants beside what it asked for before. */
export interface MatchedTunnels {
  /** For each that it wants, in order, the one that is there. */
  there: (Tunnel | undefined)[];
  /** Those that it does not want any more. */
  surplus: Tunnel[];
}

const isSame = ({ target, port, listenHost }: AskedTunnel, tunnel: Tunnel): boolean =>
  tunnel.target.host === target.host &&
  tunnel.target.port === target.port &&
  tunnel.listenHost === (listenHost ?? null) &&
  (port === undefined || tunnel.port === port);

/** A tunnel that may have any port keeps the one that it has, unless another one asks for that very port. */
export function matchTunnels(asked: readonly AskedTunnel[], found: readonly Tunnel[]): MatchedTunnels {
  const left = new Set(found);
  const there: (Tunnel | undefined)[] = asked.map(() => undefined);
  const take = (index: number, wanted: AskedTunnel): void => {
    const tunnel = [...left].find((one) => isSame(wanted, one));
    if (tunnel === undefined) return;
    left.delete(tunnel);
    there[index] = tunnel;
  };
  asked.forEach((wanted, index) => wanted.port !== undefined && take(index, wanted));
  asked.forEach((wanted, index) => wanted.port === undefined && take(index, wanted));
  return { there, surplus: [...left] };
}

/** Whether a device may choose this address: one that is not reached from further away than what the platform is set to. */
export function mayListenOn(address: string, host: string): boolean {
  const isLoopback = address === "::1" || /^127\./.test(address);
  const isIpv4 = !address.includes(":");
  return isLoopback || address === host || host === "::" || (host === "0.0.0.0" && isIpv4);
}
