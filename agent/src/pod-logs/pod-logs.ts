import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createStreamDuplex, faultError, type ByteStream } from "@rciots/protocol";
import { errorMessage, type Logger } from "@rciots/runtime";
import type { AcceptTarget } from "../channel/accept-streams.ts";
import type { PodLogs } from "../kube/pod-logs.ts";

const maxStreams = 32;
/** A longer line is cut in pieces: nothing waits for an end that may never come. */
const maxLineBytes = 65_536;
const newline = 0x0a;
const gatherBytes = 32_768;
const gatherMs = 10;

/** Connects streams to what containers print. */
export function createPodLogStreams(options: {
  /** Undefined while the device has no cluster. */
  logs: () => PodLogs | undefined;
  logger: Logger;
}): AcceptTarget<"pod-logs"> {
  const { logs, logger } = options;
  let open = 0;
  return async (target, signal) => {
    const read = logs();
    if (read === undefined)
      throw faultError({ code: "target_unreachable", message: "The device has no cluster." });
    if (open >= maxStreams)
      throw faultError({ code: "too_many_streams", message: "The device shows as many logs as it can." });
    const { pod, contains, kind: _kind, ...rest } = target;
    const ending = new AbortController();
    signal.addEventListener("abort", () => ending.abort(), { once: true });
    const { name, ...where } = pod;
    const source = await read({ ...where, pod: name, ...rest }, ending.signal).catch((error: unknown) => {
      throw faultError({ code: "target_unreachable", message: errorMessage(error) });
    });
    return (stream: ByteStream) => {
      open += 1;
      const duplex = createStreamDuplex(stream);
      // Nobody says anything in this direction; its end is the end.
      duplex.resume();
      duplex.once("close", () => ending.abort());
      const steps = contains === undefined ? [] : [createLineFilter(contains)];
      pipeline([source, ...steps, createGatherer(), duplex])
        .catch((error: unknown) => logger.debug({ error: errorMessage(error) }, "logs ended"))
        .finally(() => (open -= 1));
    };
  };
}

/** Puts together what comes at once: a kubelet sends each line by itself, and a frame for each would cost the most. */
function createGatherer(): Transform {
  let gathered: Buffer[] = [];
  let size = 0;
  let timer: NodeJS.Timeout | undefined;
  const gatherer: Transform = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      gathered.push(chunk);
      size += chunk.length;
      if (size >= gatherBytes) give();
      else timer ??= setTimeout(give, gatherMs);
      done();
    },
    flush(done) {
      give();
      done();
    },
    destroy(error, done) {
      clearTimeout(timer);
      done(error);
    },
  });
  function give(): void {
    clearTimeout(timer);
    timer = undefined;
    if (size > 0) gatherer.push(Buffer.concat(gathered, size));
    [gathered, size] = [[], 0];
  }
  return gatherer;
}

/** Lets whole lines through that hold a text, in any case. */
export function createLineFilter(text: string): Transform {
  const wanted = text.toLowerCase();
  let rest: Buffer = Buffer.alloc(0);
  const isWanted = (line: Buffer): boolean => line.toString("utf8").toLowerCase().includes(wanted);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const kept: Buffer[] = [];
      let from = 0;
      for (let end = bytes.indexOf(newline); end !== -1; end = bytes.indexOf(newline, from)) {
        const line = bytes.subarray(from, end + 1);
        if (isWanted(line)) kept.push(line);
        from = end + 1;
      }
      rest = bytes.subarray(from);
      if (rest.length > maxLineBytes) {
        if (isWanted(rest)) kept.push(rest);
        rest = Buffer.alloc(0);
      }
      done(null, kept.length === 0 ? undefined : Buffer.concat(kept));
    },
    flush(done) {
      done(null, rest.length > 0 && isWanted(rest) ? rest : undefined);
    },
  });
}
