import type { OperatorCompiler } from "./expression.ts";

export const arrayOperators: ReadonlyMap<string, OperatorCompiler> = new Map<string, OperatorCompiler>();
