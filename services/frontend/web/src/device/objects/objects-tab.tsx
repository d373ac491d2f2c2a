import {
  Alert,
  Button,
  EmptyState,
  EmptyStateBody,
  SearchInput,
  ToggleGroup,
  ToggleGroupItem,
  Toolbar,
  ToolbarContent,
  ToolbarFilter,
  ToolbarItem,
} from "@patternfly/react-core";
import type { ReactNode } from "react";
import { ErrorState } from "../../components/error-state.tsx";
import { PageLoading } from "../../components/page-loading.tsx";
import type { Device } from "../use-device.ts";
import { healthWords, healths } from "./healths.ts";
import { ObjectTable } from "./object-table.tsx";
import { useObjectFilters, type ObjectFilters } from "./use-object-filters.ts";
import { useObjects } from "./use-objects.ts";

interface FiltersProps {
  device: Device;
  kinds: readonly string[];
  filters: ObjectFilters;
}

/** Health as toggles with their counts, name and kind as filters; all of it in the address. */
function Filters({ device, kinds, filters }: FiltersProps): ReactNode {
  const { health, kind, name, set, clear } = filters;
  const { counts } = device.observed;
  const shown = healths.filter((each) => (counts[each] ?? 0) > 0 || each === health);
  return (
    <Toolbar clearAllFilters={clear} clearFiltersButtonText="Clear filters">
      <ToolbarContent>
        <ToolbarItem>
          <ToggleGroup aria-label="Health">
            <ToggleGroupItem text="All" isSelected={health === null} onChange={() => set({ health: null })} />
            {shown.map((each) => (
              <ToggleGroupItem
                key={each}
                text={`${counts[each] ?? 0} ${healthWords[each]}`}
                isSelected={health === each}
                onChange={(_event, isOn) => set({ health: isOn ? each : null })}
              />
            ))}
          </ToggleGroup>
        </ToolbarItem>
        <ToolbarFilter
          categoryName="Kind"
          labels={kind === "" ? [] : [kind]}
          deleteLabel={() => set({ kind: "" })}
        >
          <SearchInput
            aria-label="Kind"
            placeholder="Kind, such as Deployment"
            value={kind}
            onChange={(_event, value) => set({ kind: value })}
            onClear={() => set({ kind: "" })}
            hint=""
            list="object-kinds"
          />
          <datalist id="object-kinds">
            {kinds.map((each) => (
              <option key={each} value={each} />
            ))}
          </datalist>
        </ToolbarFilter>
        <ToolbarFilter
          categoryName="Name"
          labels={name === "" ? [] : [name]}
          deleteLabel={() => set({ name: "" })}
        >
          <SearchInput
            aria-label="Name"
            placeholder="Part of the name"
            value={name}
            onChange={(_event, value) => set({ name: value })}
            onClear={() => set({ name: "" })}
          />
        </ToolbarFilter>
      </ToolbarContent>
    </Toolbar>
  );
}

/** What the device last reported of each object, the worst first. */
export function ObjectsTab({ device }: { device: Device }): ReactNode {
  const filters = useObjectFilters();
  const query = useObjects(device.id, filters);
  const items = query.data?.pages.flatMap((page) => page.items) ?? [];
  const reported = query.data?.pages[0]?.revision ?? null;
  const kinds = [...new Set(items.map(({ kind }) => kind))].sort();
  if (query.isError && query.data === undefined)
    return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  return (
    <>
      {reported !== null && reported !== device.desired.revision && (
        <Alert
          isInline
          variant="info"
          title={`This is what it reported of revision ${reported}; it should run revision ${device.desired.revision}.`}
        />
      )}
      <Filters device={device} kinds={kinds} filters={filters} />
      {query.isPending && <PageLoading label="Loading objects" />}
      {query.isSuccess && items.length === 0 && (
        <EmptyState titleText={filters.isActive ? "No object matches" : "No objects yet"} headingLevel="h2">
          <EmptyStateBody>
            {filters.isActive
              ? "Clear a filter to see more."
              : "The device has not reported any. Assign a template, and they show here as they are applied."}
          </EmptyStateBody>
        </EmptyState>
      )}
      {items.length > 0 && <ObjectTable items={items} />}
      {query.hasNextPage && (
        <Button
          variant="secondary"
          className="rciots-card-foot"
          isLoading={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
        >
          Show more
        </Button>
      )}
    </>
  );
}
