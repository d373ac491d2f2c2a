import {
  Button,
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
  MenuToggle,
  PageSection,
  Select,
  SelectList,
  SelectOption,
  Toolbar,
  ToolbarContent,
  ToolbarFilter,
  ToolbarItem,
} from "@patternfly/react-core";
import { CubesIcon } from "@patternfly/react-icons/dist/esm/icons/cubes-icon";
import { SearchIcon } from "@patternfly/react-icons/dist/esm/icons/search-icon";
import { useState, type ReactNode } from "react";
import { Link, useSearchParams } from "react-router";
import { ErrorState } from "../components/error-state.tsx";
import { PageHeader } from "../components/page-header.tsx";
import { PageLoading } from "../components/page-loading.tsx";
import { SearchField } from "../components/search-field.tsx";
import { useMay } from "../session/session.ts";
import { useTemplates, type TemplateFilter } from "./template-queries.ts";
import { TemplatesTable } from "./templates-table.tsx";
import "./templates.css";

const sources = { inline: "Inline files", git: "Git" } as const;

function useFilter() {
  const [search, setSearch] = useSearchParams();
  const given = search.get("source");
  const source: TemplateFilter["source"] = given === "inline" || given === "git" ? given : "";
  const filter: TemplateFilter = { q: (search.get("q") ?? "").slice(0, 100), source };
  const change = (part: Partial<TemplateFilter>): void => {
    const next = Object.entries({ ...filter, ...part }).filter(([, value]) => value !== "");
    setSearch(new URLSearchParams(next), { replace: true });
  };
  return { filter, change };
}

function SourceFilter(props: {
  source: TemplateFilter["source"];
  onChange: (source: TemplateFilter["source"]) => void;
}): ReactNode {
  const { source, onChange } = props;
  const [isOpen, setIsOpen] = useState(false);
  return (
    <ToolbarFilter
      labels={source === "" ? [] : [sources[source]]}
      deleteLabel={() => onChange("")}
      categoryName="Source"
    >
      <Select
        isOpen={isOpen}
        selected={source}
        onOpenChange={setIsOpen}
        onSelect={(_event, value) => {
          onChange(value === source ? "" : (value as TemplateFilter["source"]));
          setIsOpen(false);
        }}
        toggle={(ref) => (
          <MenuToggle ref={ref} isExpanded={isOpen} onClick={() => setIsOpen(!isOpen)}>
            Source
          </MenuToggle>
        )}
      >
        <SelectList>
          {Object.entries(sources).map(([value, label]) => (
            <SelectOption key={value} value={value}>
              {label}
            </SelectOption>
          ))}
        </SelectList>
      </Select>
    </ToolbarFilter>
  );
}

function NoTemplates({ isFiltered, onClear }: { isFiltered: boolean; onClear: () => void }): ReactNode {
  const may = useMay("operator");
  if (isFiltered) {
    return (
      <EmptyState titleText="No template matches" headingLevel="h2" icon={SearchIcon}>
        <EmptyStateFooter>
          <Button variant="link" onClick={onClear}>
            Clear all filters
          </Button>
        </EmptyStateFooter>
      </EmptyState>
    );
  }
  return (
    <EmptyState titleText="No templates yet" headingLevel="h2" icon={CubesIcon}>
      <EmptyStateBody>
        A template is a Kustomize base that many devices run, each with its own variables and secrets: files
        you write here, or a folder of a Git repository.
      </EmptyStateBody>
      {may && (
        <EmptyStateFooter>
          <EmptyStateActions>
            <CreateButton />
          </EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  );
}

function CreateButton(): ReactNode {
  return (
    <Button variant="primary" component={(props) => <Link {...props} to="/templates/new" />}>
      Create template
    </Button>
  );
}

/** All templates of the organisation. */
export function TemplatesPage(): ReactNode {
  const { filter, change } = useFilter();
  const may = useMay("operator");
  const found = useTemplates(filter);
  const templates = found.data?.pages.flatMap(({ items }) => items) ?? [];
  const isFiltered = filter.q !== "" || filter.source !== "";
  const clear = (): void => change({ q: "", source: "" });
  const isEmpty = found.isSuccess && templates.length === 0 && !isFiltered;
  return (
    <>
      <PageHeader
        title="Templates"
        description="What devices run: reusable Kustomize bases, inline or from Git."
        {...(may && !isEmpty ? { actions: <CreateButton /> } : {})}
      />
      <PageSection>
        {!isEmpty && (
          <Toolbar clearAllFilters={clear} clearFiltersButtonText="Clear all filters">
            <ToolbarContent>
              <ToolbarItem>
                <SearchField
                  label="Find templates by name"
                  placeholder="Find by name"
                  key={filter.q === "" ? "cleared" : "set"}
                  q={filter.q}
                  onSearch={(q) => change({ q })}
                />
              </ToolbarItem>
              <SourceFilter source={filter.source} onChange={(source) => change({ source })} />
            </ToolbarContent>
          </Toolbar>
        )}
        {found.isPending && <PageLoading label="Loading templates" />}
        {found.isError && <ErrorState error={found.error} onRetry={() => void found.refetch()} />}
        {found.isSuccess && templates.length === 0 && <NoTemplates isFiltered={isFiltered} onClear={clear} />}
        {templates.length > 0 && <TemplatesTable templates={templates} />}
        {found.hasNextPage && (
          <Button
            variant="secondary"
            className="rciots-load-more"
            isLoading={found.isFetchingNextPage}
            onClick={() => void found.fetchNextPage()}
          >
            Show more
          </Button>
        )}
      </PageSection>
    </>
  );
}
