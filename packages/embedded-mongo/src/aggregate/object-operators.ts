import type { OperatorCompiler } from "./expression.ts";

export const objectOperators: ReadonlyMap<string, OperatorCompiler> = new Map<string, OperatorCompiler>();
