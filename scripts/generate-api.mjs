// Writes the types of the console's API client from the routes themselves. Nobody commits them: they can't be out of step.
import { execFile } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import openapiTypes, { astToString } from "openapi-typescript";
import { root } from "./lib/prepare.mjs";

const target = join(root, "services/frontend/web/src/api/schema.ts");

/** Leaves the file alone where nothing changed, so that nothing is built again because of it. */
export async function generateApiTypes() {
  const args = ["--import", "tsx", "scripts/lib/write-api-document.ts"];
  const options = { cwd: root, maxBuffer: 64 * 1_048_576 };
  const { stdout } = await promisify(execFile)(process.execPath, args, options);
  // A field with a default may be left out of a request.
  const types = astToString(await openapiTypes(JSON.parse(stdout), { defaultNonNullable: false }));
  const text = `// Made from the routes by scripts/generate-api.mjs.\n\n${types}`;
  if (!existsSync(target) || readFileSync(target, "utf8") !== text) writeFileSync(target, text);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await generateApiTypes();
