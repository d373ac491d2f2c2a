import { Content, PageSection, Title } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { PageHeader } from "../components/page-header.tsx";
import { CodeExample } from "./code-example.tsx";
import { serverUrlOf } from "./curl-command.ts";
import { MethodLabel } from "./method-label.tsx";
import { groupOperations, type OpenApiDocument, type Operation } from "./openapi-document.ts";

/** How to begin, and every call there is. */
export function ReferenceIntroduction(props: {
  document: OpenApiDocument;
  operations: Operation[];
}): ReactNode {
  const { document, operations } = props;
  const url = serverUrlOf(document, location.origin);
  return (
    <>
      <PageHeader
        title="API reference"
        description={`Every call of this platform, ${operations.length} in all. The console uses these very calls.`}
      />
      <PageSection>
        <div className="rciots-reference">
          <Content>
            <p>
              Calls carry a token as <code>Authorization: Bearer</code>: an API token that you make in the
              console, or the token of a session. Bodies and answers are JSON; refusals are problem details
              (RFC 9457) with a stable <code>code</code>. Lists answer <code>items</code> and{" "}
              <code>nextCursor</code>. The document itself is at{" "}
              <a href="/api/v1/openapi.json">/api/v1/openapi.json</a> (OpenAPI {document.openapi}).
            </p>
          </Content>
          <CodeExample
            label="Copy the command"
            code={`export RCIOTS_TOKEN=rca_...\ncurl -fsS "${url}/api/v1/devices" \\\n  -H "Authorization: Bearer $RCIOTS_TOKEN"`}
          />
          {groupOperations(operations, "").map((group) => (
            <section key={group.tag} className="rciots-reference-part">
              <Title headingLevel="h2" size="lg">
                {group.tag}
              </Title>
              <ul className="rciots-reference-list">
                {group.operations.map(({ id, method, path, summary }) => (
                  <li key={id}>
                    <MethodLabel method={method} />
                    <Link to={`/reference/${id}`}>{summary}</Link>
                    <code className="rciots-muted">{path.replace("/api/v1", "")}</code>
                  </li>
                ))}
              </ul>
            </section>
          ))}
        </div>
      </PageSection>
    </>
  );
}
