/** What the store says it is: decides which tests of the format are for it. */
export const SERVER = { version: "7.0.0", topology: "replicaset" } as const;
