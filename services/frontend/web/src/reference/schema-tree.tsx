import { Label } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { InlineText } from "./inline-text.tsx";
import { resolveSchema, type OpenApiDocument, type Schema } from "./openapi-document.ts";
import { isRecord, limitWords, typeWords } from "./schema-words.ts";

/** Deeper than this, a reader follows the name of the schema. */
const maxDepth = 5;

interface TreeProps {
  document: OpenApiDocument;
  schema: Schema;
  depth?: number;
}

interface Child {
  name: string;
  schema: Schema;
  isRequired: boolean;
}

/** The fields within a value of a schema: through lists, maps and alternatives. */
function childrenOf(document: OpenApiDocument, given: Schema): Child[] {
  const { schema } = resolveSchema(document, given);
  if (schema.type === "array") return childrenOf(document, schema.items ?? {});
  const own = Object.entries(schema.properties ?? {}).map(([name, inner]) => ({
    name,
    schema: inner,
    isRequired: schema.required?.includes(name) ?? false,
  }));
  const branches = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  const ofBranches = branches.flatMap((branch) => childrenOf(document, branch));
  const ofMap = isRecord(schema) ? childrenOf(document, schema.additionalProperties as Schema) : [];
  const all = [...own, ...ofBranches, ...ofMap];
  return all.filter((child, index) => all.findIndex(({ name }) => name === child.name) === index);
}

function Field({
  document,
  child,
  depth,
}: {
  document: OpenApiDocument;
  child: Child;
  depth: number;
}): ReactNode {
  const { schema } = resolveSchema(document, child.schema);
  const description = child.schema.description ?? schema.description;
  return (
    <li>
      <div className="rciots-schema-field">
        <code className="rciots-schema-name">{child.name}</code>
        <span className="rciots-muted">{typeWords(document, child.schema)}</span>
        {child.isRequired && (
          <Label isCompact color="orange">
            required
          </Label>
        )}
        {limitWords(schema).map((words) => (
          <Label key={words} isCompact variant="outline">
            {words}
          </Label>
        ))}
      </div>
      {description !== undefined && <InlineText text={description} />}
      <SchemaTree document={document} schema={child.schema} depth={depth + 1} />
    </li>
  );
}

/** The fields of a value as a nested list, with their types and limits in words. */
export function SchemaTree({ document, schema, depth = 0 }: TreeProps): ReactNode {
  const children = childrenOf(document, schema);
  if (children.length === 0) {
    if (depth > 0) return null;
    return (
      <p>
        {typeWords(document, schema)}
        {limitWords(schema).length > 0 && `, ${limitWords(schema).join(", ")}`}
      </p>
    );
  }
  if (depth > maxDepth) return null;
  return (
    <ul className="rciots-schema-tree">
      {children.map((child) => (
        <Field key={child.name} document={document} child={child} depth={depth} />
      ))}
    </ul>
  );
}
