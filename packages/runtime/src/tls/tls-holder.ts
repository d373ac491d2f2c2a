import type { TlsMaterial, TlsSource } from "../ports.ts";

export interface TlsHolder extends TlsSource {
  set(material: TlsMaterial): void;
  isSet(): boolean;
}

/** Holds the material in force and tells who listens of each change. */
export function createTlsHolder(): TlsHolder {
  const listeners = new Set<(material: TlsMaterial) => void>();
  let material: TlsMaterial | undefined;
  return {
    isSet: () => material !== undefined,
    current() {
      if (material === undefined) throw new Error("There is no server certificate yet.");
      return material;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    set(next) {
      material = next;
      for (const listener of listeners) listener(next);
    },
  };
}
