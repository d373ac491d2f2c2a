import type { OperatorCompiler } from "./expression.ts";

export const dateOperators: ReadonlyMap<string, OperatorCompiler> = new Map<string, OperatorCompiler>();
