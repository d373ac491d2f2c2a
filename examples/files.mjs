// Prints the files of a folder as the JSON that the template API takes: node examples/files.mjs FOLDER
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";

const folder = process.argv[2] ?? ".";
const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
  .sort()
  .map((path) => ({
    path: relative(folder, path).split(sep).join("/"),
    content: readFileSync(path, "utf8"),
  }));
process.stdout.write(JSON.stringify(files));
