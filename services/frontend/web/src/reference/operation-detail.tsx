import { Content, Flex, Label, PageSection, Title } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import type { ReactNode } from "react";
import { PageHeader } from "../components/page-header.tsx";
import { CodeExample } from "./code-example.tsx";
import { curlCommand, serverUrlOf } from "./curl-command.ts";
import { InlineText } from "./inline-text.tsx";
import { MethodLabel } from "./method-label.tsx";
import type { ApiResponse, OpenApiDocument, Operation, Parameter } from "./openapi-document.ts";
import { SchemaTree } from "./schema-tree.tsx";
import { limitWords, typeWords } from "./schema-words.ts";

interface DetailProps {
  document: OpenApiDocument;
  operation: Operation;
}

function Parameters({
  document,
  parameters,
}: {
  document: OpenApiDocument;
  parameters: Parameter[];
}): ReactNode {
  return (
    <Table variant="compact" aria-label="Parameters" gridBreakPoint="grid-lg">
      <Thead>
        <Tr>
          <Th>Name</Th>
          <Th>In</Th>
          <Th>Type</Th>
          <Th>What it means</Th>
        </Tr>
      </Thead>
      <Tbody>
        {parameters.map(({ name, in: place, required, description, schema }) => (
          <Tr key={`${place} ${name}`}>
            <Td dataLabel="Name">
              <code>{name}</code>
              {required && (
                <>
                  {" "}
                  <Label isCompact color="orange">
                    required
                  </Label>
                </>
              )}
            </Td>
            <Td dataLabel="In">{place}</Td>
            <Td dataLabel="Type">{[typeWords(document, schema), ...limitWords(schema)].join(", ")}</Td>
            <Td dataLabel="What it means">
              {description !== undefined && <InlineText text={description} />}
            </Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

function Refusals({ refusals }: { refusals: [string, ApiResponse][] }): ReactNode {
  return (
    <Table variant="compact" aria-label="Refusals" gridBreakPoint="grid-lg">
      <Thead>
        <Tr>
          <Th>Status</Th>
          <Th>Meaning</Th>
          <Th>Codes</Th>
        </Tr>
      </Thead>
      <Tbody>
        {refusals.map(([status, { description, "x-rciots-codes": codes = [] }]) => (
          <Tr key={status}>
            <Td dataLabel="Status">{status}</Td>
            <Td dataLabel="Meaning">{description}</Td>
            <Td dataLabel="Codes">
              <Flex gap={{ default: "gapSm" }}>
                {codes.map((code) => (
                  <code key={code}>{code}</code>
                ))}
              </Flex>
            </Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }): ReactNode {
  return (
    <section className="rciots-reference-part">
      <Title headingLevel="h2" size="lg">
        {title}
      </Title>
      {children}
    </section>
  );
}

/** Everything about one call. */
export function OperationDetail({ document, operation }: DetailProps): ReactNode {
  const { method, path, summary, description, parameters, body, bodyNote, responses } = operation;
  const good = responses.filter(([status]) => status < "300");
  const refusals = responses.filter(([status]) => status >= "400");
  return (
    <>
      <PageHeader
        title={summary}
        breadcrumb={[{ label: "API reference", to: "/reference" }]}
        description={
          <span className="rciots-operation-path">
            <MethodLabel method={method} /> <code>{path}</code>
          </span>
        }
      />
      <PageSection>
        <div className="rciots-reference">
          <Content>
            <InlineText text={description} />
          </Content>
          <CodeExample
            label="Copy the command"
            code={curlCommand(document, operation, serverUrlOf(document, location.origin))}
          />
          {parameters.length > 0 && (
            <Part title="Parameters">
              <Parameters document={document} parameters={parameters} />
            </Part>
          )}
          {body?.schema !== undefined && (
            <Part title="Body">
              {bodyNote !== undefined && <p className="rciots-muted">{bodyNote}</p>}
              <SchemaTree document={document} schema={body.schema} />
            </Part>
          )}
          {good.map(([status, response]) => {
            const schema = response.content?.["application/json"]?.schema;
            return (
              <Part key={status} title={`Answer ${status}`}>
                <p>{response.description}</p>
                {schema !== undefined && <SchemaTree document={document} schema={schema} />}
              </Part>
            );
          })}
          <Part title="Refusals">
            <Refusals refusals={refusals} />
          </Part>
        </div>
      </PageSection>
    </>
  );
}
