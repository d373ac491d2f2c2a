import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** For tests: runs the `openssl` program in a folder of its own, to judge by other eyes than ours. */
export interface OpensslFixture {
  readonly folder: string;
  /** Writes a file and returns its path. */
  file(name: string, content: string | Uint8Array): Promise<string>;
  /** Standard output and error together; rejects on a failure with both in the message. */
  run(...args: readonly string[]): Promise<string>;
  remove(): Promise<void>;
}

export async function createOpensslFixture(): Promise<OpensslFixture> {
  const folder = await mkdtemp(join(tmpdir(), "rciots-ca-"));
  return {
    folder,
    async file(name, content) {
      const path = join(folder, name);
      await writeFile(path, content, { mode: 0o600 });
      return path;
    },
    run: (...args) => runProgram("openssl", args, folder),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

export function runProgram(program: string, args: readonly string[], cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const limits = { cwd, timeout: 15_000, maxBuffer: 64 * 1024 * 1024 };
    execFile(program, args, limits, (error, stdout, stderr) => {
      const output = `${stdout}${stderr}`;
      if (error) reject(new Error(`${program} ${args.join(" ")} failed: ${output}`, { cause: error }));
      else resolve(output);
    });
  });
}

/** The linter is no dependency; it is used where somebody has installed it. */
export function findZlint(): string | undefined {
  const { status } = spawnSync("zlint", ["-version"], { stdio: "ignore" });
  return status === 0 ? "zlint" : undefined;
}

/** Ids of the right form, distinct by their last character. */
export const testIds = {
  organization: "org_01J8ZQ4N6W3T5V7X9YABCDEFGA",
  otherOrganization: "org_01J8ZQ4N6W3T5V7X9YABCDEFGB",
  device: "dev_01J8ZQ4N6W3T5V7X9YABCDEFGC",
  otherDevice: "dev_01J8ZQ4N6W3T5V7X9YABCDEFGD",
} as const;

/** A repeatable source of numbers from 0 up to below 1 (mulberry32), so that a failing run can be repeated. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** One to four damages: a flipped bit, another byte, a cut, an insertion, a doubled or a moved piece. */
export function mutate(input: Buffer, random: () => number): Buffer {
  let bytes = Buffer.from(input);
  const pick = (below: number): number => Math.floor(random() * below);
  for (let count = 1 + pick(4); count > 0 && bytes.length > 0; count -= 1) {
    const at = pick(bytes.length);
    const to = Math.min(bytes.length, at + 1 + pick(24));
    const kind = pick(6);
    if (kind === 0) bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << pick(8)), at);
    else if (kind === 1) bytes.writeUInt8(pick(256), at);
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]);
    else if (kind === 3)
      bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([pick(256), pick(256)]), bytes.subarray(at)]);
    else if (kind === 4) bytes = Buffer.concat([bytes.subarray(0, to), bytes.subarray(at)]);
    else bytes = Buffer.concat([bytes.subarray(at), bytes.subarray(0, at)]);
  }
  return bytes;
}
