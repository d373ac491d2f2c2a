import { createLoop, sleep, type Logger, type Loop } from "@rciots/runtime";
import type { Store } from "@rciots/store";

export interface RootCertificates {
  /** PEM; throws before `load`. */
  current(): string;
  /** Waits until enrolment has made the platform's CA; rejects with the signal's reason. */
  load(signal: AbortSignal): Promise<void>;
  loop: Loop;
}

const waitMs = 500;
const intervalMs = 30_000;

/** The platform's roots as a process knows them that doesn't enrol: public, from the store. */
export function createRootCertificates(options: {
  store: Pick<Store, "authorities">;
  logger: Logger;
  /** Called where they have changed. */
  onChange?: (pem: string) => void;
}): RootCertificates {
  const { store, logger, onChange = () => undefined } = options;
  let pem = "";

  async function read(): Promise<void> {
    const found = await store.authorities.rootCertificates();
    if (found === "" || found === pem) return;
    pem = found;
    onChange(pem);
  }

  return {
    current() {
      if (pem === "") throw new Error("The platform has no certificate authority yet.");
      return pem;
    },
    async load(signal) {
      await read();
      if (pem === "") logger.warn({}, "waiting for enrolment to make the platform's certificate authority");
      while (pem === "") {
        await sleep(waitMs, signal);
        signal.throwIfAborted();
        await read();
      }
    },
    loop: createLoop({ name: "root-certificates", intervalMs, step: read, logger }),
  };
}
