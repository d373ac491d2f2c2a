import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { format, resolveConfig } from "prettier";
import ts from "typescript";

const root = fileURLToPath(new URL("../..", import.meta.url));
export const cataloguePath = join(root, "docs/errors.md");

/** Where refusals of the operators' API are made. */
const folders = [
  "packages/runtime/src",
  "packages/store/src",
  "packages/manifests/src",
  "packages/desired-state/src",
  "packages/tunnels/src",
  "services/frontend/src",
];
const makers: Record<string, number> = {
  badRequest: 400,
  unauthorized: 401,
  forbidden: 403,
  notFound: 404,
  conflict: 409,
};

export interface ErrorCode {
  code: string;
  /** Sorted; empty where it stands within an answer of 200. */
  statuses: number[];
  /** What it says to people, `…` for what differs. */
  messages: string[];
}

function sourceFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter(
      (entry) => entry.isFile() && /\.ts$/.test(entry.name) && !/\.(test|fixture)\.ts$/.test(entry.name),
    )
    .map((entry) => join(entry.parentPath, entry.name));
}

/** The words of a string or template; undefined for anything else. */
function wordsOf(node: ts.Expression | undefined): string | undefined {
  if (node === undefined) return undefined;
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node))
    return node.head.text + node.templateSpans.map(({ literal }) => `…${literal.text}`).join("");
  if (ts.isBinaryExpression(node)) {
    const [left, right] = [wordsOf(node.left), wordsOf(node.right)];
    return left === undefined || right === undefined ? undefined : left + right;
  }
  return undefined;
}

/** What a name was last declared as before it is used. */
function declarationOf(use: ts.Node, name: string): ts.Expression | undefined {
  let found: ts.Expression | undefined;
  const visit = (node: ts.Node): void => {
    if (node.pos > use.pos) return;
    if (ts.isVariableDeclaration(node) && node.name.getText() === name) found = node.initializer;
    ts.forEachChild(node, visit);
  };
  visit(use.getSourceFile());
  return found;
}

function propertyOf(object: ts.ObjectLiteralExpression, name: string): ts.Expression | undefined {
  for (const property of object.properties) {
    if (property.name?.getText() !== name) continue;
    if (ts.isPropertyAssignment(property)) return property.initializer;
    if (ts.isShorthandPropertyAssignment(property)) return declarationOf(object, name);
  }
  return undefined;
}

/** Both branches of a condition, and what is no condition as it is. */
function choices(node: ts.Expression | undefined): ts.Expression[] {
  if (node === undefined) return [];
  return ts.isConditionalExpression(node) ? [...choices(node.whenTrue), ...choices(node.whenFalse)] : [node];
}

function statusOf(object: ts.ObjectLiteralExpression): number | undefined {
  const status = propertyOf(object, "status");
  if (status !== undefined && ts.isNumericLiteral(status)) return Number(status.text);
  const call = object.parent;
  const callee = ts.isCallExpression(call) || ts.isNewExpression(call) ? call.expression.getText() : "";
  return makers[callee];
}

/** Every `{ code, message }` in the sources, by code. */
export function readErrorCodes(): ErrorCode[] {
  const found = new Map<string, ErrorCode>();
  const visit = (node: ts.Node): void => {
    ts.forEachChild(node, visit);
    if (!ts.isObjectLiteralExpression(node)) return;
    const isRefusal = ["message", "status"].some((name) =>
      node.properties.some((one) => one.name?.getText() === name),
    );
    for (const code of isRefusal ? choices(propertyOf(node, "code")).map(wordsOf) : []) {
      if (code === undefined || !/^[a-z][a-z0-9_]+$/.test(code)) continue;
      const known = found.get(code) ?? { code, statuses: [], messages: [] };
      const status = statusOf(node);
      const messages = choices(propertyOf(node, "message"))
        .map(wordsOf)
        // Words that are all put in say nothing here.
        .filter((one): one is string => one !== undefined && /[a-z]{3}/.test(one));
      found.set(code, {
        code,
        statuses: [...new Set([...known.statuses, ...(status === undefined ? [] : [status])])].sort(),
        messages: [...new Set([...known.messages, ...messages])],
      });
    }
  };
  for (const path of folders.flatMap(sourceFiles)) {
    const text = readFileSync(path, "utf8");
    if (text.includes("code:")) visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true));
  }
  return [...found.values()].sort((one, other) => one.code.localeCompare(other.code));
}

const cell = (text: string): string =>
  text.replaceAll("|", "\\|").replaceAll("<", "&lt;").replaceAll("*", "\\*");

/** The page that lists them, as `npm run errors` writes it. */
export async function renderCatalogue(codes: ErrorCode[]): Promise<string> {
  const rows = codes.map(
    ({ code, statuses, messages }) =>
      `| \`${code}\` | ${statuses.join(", ")} | ${messages.map(cell).join("<br>") || "What is at fault, in its own words."} |`,
  );
  const text = `# Error codes

Every \`code\` that the operators' API refuses with, for programs; how a refusal looks is in [api.md](api.md#errors).
A code without a status stands within an answer, such as the result for one of many devices, or takes the status of what
it is about. Made by \`npm run errors\` from the sources; a test keeps it in step.

| code | status | says |
| --- | --- | --- |
${rows.join("\n")}
`;
  return format(text, { ...(await resolveConfig(cataloguePath)), parser: "markdown" });
}
