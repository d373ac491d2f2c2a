import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { io, type Socket } from "socket.io-client";
import { isOutdated, mergeChanges, type Changes } from "./invalidation.ts";

const livePath = "/api/v1/live";
/** Views are read again this often at most, however much changes. */
const throttleMs = 1_000;
/** After the platform ended or refused a connection, unless it names another time. */
const retryMs = 15_000;
/** While no connection comes about, such as behind a proxy without WebSockets, views are read again this often. */
const fallbackMs = 30_000;

interface Refusal extends Error {
  data?: { retryAfterMs?: number };
}

/** Has outdated queries read again: the first at once, then at most once a second. */
function createRefresher(queries: QueryClient): { take: (changes: Changes) => void; stop: () => void } {
  let waiting: Changes | undefined;
  let timer: number | undefined;

  function refresh(changes: Changes): void {
    void queries.invalidateQueries({ predicate: ({ queryKey }) => isOutdated(queryKey, changes) });
    timer = window.setTimeout(() => {
      timer = undefined;
      const next = waiting;
      waiting = undefined;
      if (next !== undefined) refresh(next);
    }, throttleMs);
  }

  return {
    take(changes) {
      if (timer === undefined) refresh(changes);
      else waiting = waiting === undefined ? changes : mergeChanges(waiting, changes);
    },
    stop: () => window.clearTimeout(timer),
  };
}

/** Connects, and comes back after everything but a sign-out; what happened meanwhile is read again. */
function watch(queries: QueryClient, organizationId: string): () => void {
  const refresher = createRefresher(queries);
  const socket: Socket = io({
    path: livePath,
    transports: ["websocket"],
    auth: { organizationId },
    reconnectionDelay: 1_000,
    reconnectionDelayMax: 30_000,
  });
  let hasBeenConnected = false;
  let retry: number | undefined;
  let readAt = Date.now();
  const connectLater = (delayMs: number): void => {
    window.clearTimeout(retry);
    retry = window.setTimeout(() => socket.connect(), delayMs);
  };
  socket.on("connect", () => {
    if (hasBeenConnected) void queries.invalidateQueries();
    hasBeenConnected = true;
  });
  socket.on("changes", (changes: Changes) => refresher.take(changes));
  // Where it was a sign-out, this shows the way in, and this connection's page is gone.
  socket.on("ended", () => void queries.invalidateQueries({ queryKey: ["me"] }));
  socket.on("disconnect", () => {
    if (!socket.active) connectLater(retryMs);
  });
  socket.on("connect_error", (error: Refusal) => {
    if (Date.now() - readAt > fallbackMs) {
      readAt = Date.now();
      void queries.invalidateQueries();
    }
    if (!socket.active) connectLater(error.data?.retryAfterMs ?? retryMs);
  });
  return () => {
    window.clearTimeout(retry);
    refresher.stop();
    socket.disconnect();
  };
}

/** Keeps what the pages show in step with the platform, for as long as the caller is shown. */
export function useLiveUpdates(organizationId: string | undefined): void {
  const queries = useQueryClient();
  useEffect(() => {
    if (organizationId === undefined) return undefined;
    return watch(queries, organizationId);
  }, [queries, organizationId]);
}
