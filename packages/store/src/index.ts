export type * from "./models.ts";
export { isDuplicateKey } from "./repositories/leases.repository.ts";
export type { EventQuery, NewEvent } from "./repositories/events.repository.ts";
export { createStore, type Store } from "./store.ts";
