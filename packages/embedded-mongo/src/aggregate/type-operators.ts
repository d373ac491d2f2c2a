import type { OperatorCompiler } from "./expression.ts";

export const typeOperators: ReadonlyMap<string, OperatorCompiler> = new Map<string, OperatorCompiler>();
