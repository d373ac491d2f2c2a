import {
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
  PageSection,
} from "@patternfly/react-core";
import { SearchIcon } from "@patternfly/react-icons/dist/esm/icons/search-icon";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { useDocumentTitle } from "../components/use-document-title.ts";

export function NotFoundPage(): ReactNode {
  useDocumentTitle("No such page");
  return (
    <PageSection>
      <EmptyState titleText="There is no such page" headingLevel="h1" icon={SearchIcon}>
        <EmptyStateBody>The address may be mistyped, or it belongs to something that is gone.</EmptyStateBody>
        <EmptyStateFooter>
          <EmptyStateActions>
            <Link to="/">Go to the overview</Link>
          </EmptyStateActions>
        </EmptyStateFooter>
      </EmptyState>
    </PageSection>
  );
}
