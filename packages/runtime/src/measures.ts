/** One request that was answered. */
export interface RequestMeasure {
  method: string;
  /** The pattern that matched, such as `/api/v1/devices/:id`; `other` where none did. */
  route: string;
  status: number;
  seconds: number;
}

/** One call of a repository. */
export interface StoreMeasure {
  repository: string;
  outcome: "ok" | "error";
  seconds: number;
}
