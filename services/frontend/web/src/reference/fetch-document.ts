import { ProblemError, toProblem } from "../api/problem.ts";
import type { OpenApiDocument } from "./openapi-document.ts";

/** The platform's own description of its API; needs no account. */
export async function fetchDocument(signal: AbortSignal): Promise<OpenApiDocument> {
  const response = await fetch("/api/v1/openapi.json", { signal });
  if (!response.ok) throw new ProblemError(toProblem(response.status, undefined));
  return (await response.json()) as OpenApiDocument;
}
