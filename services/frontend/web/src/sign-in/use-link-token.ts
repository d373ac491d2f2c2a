import { useEffect, useState } from "react";

/**
 * The token behind `#token=` of the address. It is taken out of the address at once: it must not stay in the history,
 * nor be copied along with it.
 */
export function useLinkToken(): string {
  const [token] = useState(() => new URLSearchParams(location.hash.slice(1)).get("token") ?? "");
  useEffect(() => {
    if (location.hash !== "") history.replaceState(history.state, "", location.pathname);
  }, []);
  return token;
}
