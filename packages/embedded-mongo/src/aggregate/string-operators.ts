import type { OperatorCompiler } from "./expression.ts";

export const stringOperators: ReadonlyMap<string, OperatorCompiler> = new Map<string, OperatorCompiler>();
