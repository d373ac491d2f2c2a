import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";

/**
 * Looks a program up in a PATH value and in extra folders after it. Relative entries are passed
 * over: what they mean depends on where the process was started.
 */
export async function findExecutable(
  name: string,
  { pathEnv, extraDirs = [] }: { pathEnv: string | undefined; extraDirs?: readonly string[] },
): Promise<string | null> {
  for (const folder of [...(pathEnv ?? "").split(delimiter), ...extraDirs]) {
    if (isAbsolute(folder) && (await isExecutable(join(folder, name)))) return join(folder, name);
  }
  return null;
}

export async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}
