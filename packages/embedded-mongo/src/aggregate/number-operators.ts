import type { OperatorCompiler } from "./expression.ts";

export const numberOperators: ReadonlyMap<string, OperatorCompiler> = new Map<string, OperatorCompiler>();
