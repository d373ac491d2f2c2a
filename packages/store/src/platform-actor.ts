/** Of events that the platform brings about by itself. */
export const platformActor = { kind: "platform", id: "platform", name: "Platform" } as const;
