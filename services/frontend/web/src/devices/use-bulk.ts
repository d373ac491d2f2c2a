import { useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { unwrap, type Schema } from "../api/client.ts";
import { useApi } from "../api/api-context.ts";
import type { paths } from "../api/schema.ts";
import type { toSelector } from "./device-filter.ts";

type Body = paths["/api/v1/devices/bulk"]["post"]["requestBody"]["content"]["application/json"];
export type BulkChange = Body["change"];
export type BulkResult = Schema<"BulkResult">;

/** Which devices: those that were ticked, or all that the filter of the list means. */
export type BulkTarget =
  { ids: string[]; count: number } | { selector: ReturnType<typeof toSelector>; count: number };

export interface BulkRun {
  isRunning: boolean;
  results: BulkResult[];
  /** All devices were gone through, or it was stopped. */
  isDone: boolean;
  error: unknown;
}

const idle: BulkRun = { isRunning: false, results: [], isDone: false, error: null };
/** As many in a call as the platform takes of a selection, so that there is something to see. */
const stepSize = 100;

/** The calls that it takes, one after the other. */
function bodiesOf(target: BulkTarget, change: BulkChange): Body[] {
  if ("selector" in target) return [{ selector: target.selector, change }];
  const bodies: Body[] = [];
  for (let at = 0; at < target.ids.length; at += stepSize) {
    bodies.push({ ids: target.ids.slice(at, at + stepSize), change });
  }
  return bodies;
}

/** Changes many devices step by step; what is done stays done when it is stopped. */
export function useBulk() {
  const api = useApi();
  const queries = useQueryClient();
  const [run, setRun] = useState(idle);
  const stopping = useRef<AbortController>(null);

  async function start(target: BulkTarget, change: BulkChange): Promise<BulkResult[] | null> {
    const { signal } = (stopping.current = new AbortController());
    let results: BulkResult[] = [];
    setRun({ ...idle, isRunning: true });
    try {
      const waiting = bodiesOf(target, change);
      for (let body = waiting.shift(); body !== undefined && !signal.aborted; body = waiting.shift()) {
        const step = await unwrap(api.POST("/api/v1/devices/bulk", { body }));
        results = [...results, ...step.results];
        setRun({ ...idle, isRunning: true, results });
        if (step.nextCursor !== null) waiting.push({ ...body, cursor: step.nextCursor });
      }
      setRun({ isRunning: false, results, isDone: true, error: null });
      return results;
    } catch (error) {
      setRun({ isRunning: false, results, isDone: results.length > 0, error });
      return null;
    } finally {
      void queries.invalidateQueries({ queryKey: ["devices"] });
    }
  }

  return { run, start, stop: () => stopping.current?.abort(), reset: () => setRun(idle) };
}
