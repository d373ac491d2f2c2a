import type { Engine } from "../engine/engine.ts";
export function exportDump(_engine: Engine, _folder: string): Promise<void> { return Promise.resolve(); }
