import {
  Button,
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
  Masthead,
  MastheadContent,
  Page,
  PageSection,
  PageSidebar,
  PageSidebarBody,
  SkipToContent,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { useMemo, type ReactNode } from "react";
import { Link, useParams } from "react-router";
import { ErrorState } from "../components/error-state.tsx";
import { PageLoading } from "../components/page-loading.tsx";
import { MastheadStart } from "../shell/brand.tsx";
import { ThemeMenu } from "../shell/theme-menu.tsx";
import { fetchDocument } from "./fetch-document.ts";
import { operationsOf, type OpenApiDocument, type Operation } from "./openapi-document.ts";
import { OperationDetail } from "./operation-detail.tsx";
import { ReferenceIntroduction } from "./reference-introduction.tsx";
import { ReferenceNavigation } from "./reference-navigation.tsx";
import "./reference.css";

const mainId = "main";

function TopBar(): ReactNode {
  return (
    <Masthead display={{ default: "inline" }}>
      <MastheadStart />
      <MastheadContent>
        <Toolbar isStatic>
          <ToolbarContent>
            <ToolbarItem align={{ default: "alignEnd" }}>
              <ThemeMenu />
            </ToolbarItem>
          </ToolbarContent>
        </Toolbar>
      </MastheadContent>
    </Masthead>
  );
}

function UnknownOperation({ id }: { id: string }): ReactNode {
  return (
    <PageSection>
      <EmptyState titleText="There is no such call" headingLevel="h1">
        <EmptyStateBody>This version of the platform has no call named {id}.</EmptyStateBody>
        <EmptyStateFooter>
          <EmptyStateActions>
            <Button variant="primary" component={(props) => <Link {...props} to="/reference" />}>
              All calls
            </Button>
          </EmptyStateActions>
        </EmptyStateFooter>
      </EmptyState>
    </PageSection>
  );
}

interface ContentProps {
  document: OpenApiDocument;
  operations: Operation[];
  current: Operation | undefined;
}

function ReferenceContent({ document, operations, current }: ContentProps): ReactNode {
  const { operationId } = useParams();
  if (operationId === undefined) return <ReferenceIntroduction document={document} operations={operations} />;
  if (current === undefined) return <UnknownOperation id={operationId} />;
  return <OperationDetail key={current.id} document={document} operation={current} />;
}

/** The API's reference, for everybody: it reads the OpenAPI document and nothing else. */
export function ReferencePage(): ReactNode {
  const { operationId } = useParams();
  const { data, isPending, isError, error, refetch } = useQuery({
    queryKey: ["openapi"],
    queryFn: ({ signal }) => fetchDocument(signal),
    staleTime: Infinity,
  });
  const operations = useMemo(() => (data === undefined ? [] : operationsOf(data)), [data]);
  const current = operations.find(({ id }) => id === operationId);
  return (
    <Page
      masthead={<TopBar />}
      sidebar={
        <PageSidebar>
          <PageSidebarBody>
            <ReferenceNavigation operations={operations} current={current} />
          </PageSidebarBody>
        </PageSidebar>
      }
      isManagedSidebar
      mainContainerId={mainId}
      skipToContent={<SkipToContent href={`#${mainId}`}>Skip to content</SkipToContent>}
    >
      {isPending && <PageLoading />}
      {isError && <ErrorState error={error} onRetry={() => void refetch()} />}
      {data !== undefined && <ReferenceContent document={data} operations={operations} current={current} />}
    </Page>
  );
}
