import { readFileSync } from "node:fs";
import { basename } from "node:path";

/** What a test needs of a unit: it is run as systemd would run it, without systemd. */
export interface SystemdUnit {
  name: string;
  /** Every value of a key of `[Service]`, in order. */
  values(key: string): string[];
  /** Program and arguments, in words. */
  command: string[];
  /** Of `Environment=`, with `%S` for the folder that stands for /var/lib. */
  environment(stateFolder: string): Record<string, string>;
}

export function readUnit(path: string): SystemdUnit {
  const lines = readFileSync(path, "utf8").split("\n");
  const service = lines.slice(lines.indexOf("[Service]") + 1, lines.indexOf("[Install]"));
  const values = (key: string): string[] =>
    service.filter((line) => line.startsWith(`${key}=`)).map((line) => line.slice(key.length + 1));
  const [start = ""] = values("ExecStart");
  return {
    name: basename(path, ".service"),
    values,
    command: start.split(" "),
    environment: (stateFolder) =>
      Object.fromEntries(
        values("Environment").map((pair) => {
          const at = pair.indexOf("=");
          return [pair.slice(0, at), pair.slice(at + 1).replaceAll("%S", stateFolder)];
        }),
      ),
  };
}
