import { defineCommand, type CommandDefinition } from "./command.ts";
import { notSupported } from "../errors.ts";
export const aggregateCommands: ReadonlyMap<string, CommandDefinition> = new Map([
  ["aggregate", defineCommand("read", undefined, () => { throw notSupported("aggregate"); })],
]);
