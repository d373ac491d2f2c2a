import {
  Breadcrumb,
  BreadcrumbItem,
  Content,
  Flex,
  FlexItem,
  PageBreadcrumb,
  PageSection,
  Title,
} from "@patternfly/react-core";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { useDocumentTitle } from "./use-document-title.ts";

interface PageHeaderProps {
  /** Also the document's title; text, so that a screen reader hears it on arrival. */
  title: string;
  /** Beside the title, such as status labels. */
  labels?: ReactNode;
  /** One sentence under the title. */
  description?: ReactNode;
  /** At the right end, such as the main button. */
  actions?: ReactNode;
  /** From the outermost; the page itself is added as the last. */
  breadcrumb?: { label: string; to: string }[];
}

/** Breadcrumb, title and actions, at the top of every page. */
export function PageHeader({
  title,
  labels,
  description,
  actions,
  breadcrumb = [],
}: PageHeaderProps): ReactNode {
  useDocumentTitle(title);
  return (
    <>
      {breadcrumb.length > 0 && (
        <PageBreadcrumb>
          <Breadcrumb>
            {breadcrumb.map(({ label, to }) => (
              <BreadcrumbItem
                key={to}
                render={({ className }) => (
                  <Link className={className} to={to}>
                    {label}
                  </Link>
                )}
              />
            ))}
            <BreadcrumbItem isActive>{title}</BreadcrumbItem>
          </Breadcrumb>
        </PageBreadcrumb>
      )}
      <PageSection>
        <Flex
          justifyContent={{ default: "justifyContentSpaceBetween" }}
          alignItems={{ default: "alignItemsFlexStart" }}
          gap={{ default: "gapMd" }}
        >
          <FlexItem className="rciots-page-title">
            <Flex alignItems={{ default: "alignItemsCenter" }} gap={{ default: "gapSm" }}>
              <Title headingLevel="h1">{title}</Title>
              {labels}
            </Flex>
            {description !== undefined && <Content component="p">{description}</Content>}
          </FlexItem>
          {actions !== undefined && <FlexItem>{actions}</FlexItem>}
        </Flex>
      </PageSection>
    </>
  );
}
