import {
  Button,
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
  MenuToggle,
  PageSection,
  Pagination,
  Select,
  SelectList,
  SelectOption,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from "@patternfly/react-core";
import { PlusCircleIcon } from "@patternfly/react-icons/dist/esm/icons/plus-circle-icon";
import { SearchIcon } from "@patternfly/react-icons/dist/esm/icons/search-icon";
import { useState, type ReactNode } from "react";
import { Link } from "react-router";
import { ErrorState } from "../components/error-state.tsx";
import { PageHeader } from "../components/page-header.tsx";
import { useMay } from "../session/session.ts";
import { bulkActions, type BulkActionName } from "./bulk-actions.ts";
import { BulkModal } from "./bulk-modal.tsx";
import { isFiltered, sortNames, useDeviceFilter, type Device, type DeviceSort } from "./device-filter.ts";
import { DevicesSkeleton, DevicesTable } from "./devices-table.tsx";
import { DeviceFilters } from "./filter-toolbar.tsx";
import { BulkMenu, SelectionMenu } from "./selection-menu.tsx";
import type { BulkTarget } from "./use-bulk.ts";
import { useDeviceList } from "./use-device-list.ts";
import { useDevicePaging, type DevicePaging } from "./use-device-paging.ts";
import { useSelection } from "./use-selection.ts";
import { useTemplateNames } from "./use-template-names.ts";
import "./devices.css";

const manyActions: BulkActionName[] = [
  "labels",
  "assign",
  "unassign",
  "approve",
  "deny",
  "enable",
  "disable",
  "decommission",
];

/** What is possible with one device, by its standing. */
function actionsFor({ status }: Device): BulkActionName[] {
  if (status === "pending") return ["approve", "deny"];
  if (status === "denied") return ["approve"];
  if (status === "decommissioned") return [];
  return ["labels", "assign", status === "active" ? "disable" : "enable", "decommission"];
}

function SortMenu({ sort, onChange }: { sort: DeviceSort; onChange: (sort: DeviceSort) => void }): ReactNode {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <Select
      isOpen={isOpen}
      selected={sort}
      onOpenChange={setIsOpen}
      onSelect={(_event, value) => {
        setIsOpen(false);
        onChange(value as DeviceSort);
      }}
      toggle={(ref) => (
        <MenuToggle
          ref={ref}
          aria-label={`Sorted by: ${sortNames[sort]}`}
          isExpanded={isOpen}
          onClick={() => setIsOpen(!isOpen)}
        >
          {sortNames[sort]}
        </MenuToggle>
      )}
    >
      <SelectList>
        {(Object.keys(sortNames) as DeviceSort[]).map((value) => (
          <SelectOption key={value} value={value}>
            {sortNames[value]}
          </SelectOption>
        ))}
      </SelectList>
    </Select>
  );
}

interface PagesProps {
  paging: DevicePaging;
  total: number;
  nextCursor: string | null;
  isBottom?: boolean;
}

function Pages({ paging, total, nextCursor, isBottom = false }: PagesProps): ReactNode {
  const { page, perPage, sizes, turn, setPerPage } = paging;
  return (
    <Pagination
      isCompact
      variant={isBottom ? "bottom" : "top"}
      itemCount={total}
      page={page}
      perPage={perPage}
      perPageOptions={sizes.map((size) => ({ title: String(size), value: size }))}
      onSetPage={(_event, wanted) => turn(wanted, nextCursor)}
      onPerPageSelect={(_event, size) => setPerPage(size)}
      titles={{ paginationAriaLabel: isBottom ? "Pages, at the bottom" : "Pages" }}
    />
  );
}

function NoDevices({ filtered, onClear }: { filtered: boolean; onClear: () => void }): ReactNode {
  return filtered ? (
    <EmptyState titleText="No device matches" headingLevel="h2" icon={SearchIcon}>
      <EmptyStateBody>Change or clear the filters.</EmptyStateBody>
      <EmptyStateFooter>
        <EmptyStateActions>
          <Button variant="link" onClick={onClear}>
            Clear all filters
          </Button>
        </EmptyStateActions>
      </EmptyStateFooter>
    </EmptyState>
  ) : (
    <EmptyState titleText="No devices yet" headingLevel="h2" icon={PlusCircleIcon}>
      <EmptyStateBody>
        Make a provisioning token; it comes with one command to run on the device, which then appears here.
      </EmptyStateBody>
      <EmptyStateFooter>
        <EmptyStateActions>
          <Link to="/provisioning-tokens">Provisioning tokens</Link>
        </EmptyStateActions>
      </EmptyStateFooter>
    </EmptyState>
  );
}

export function DevicesPage(): ReactNode {
  const { filter, change, clear } = useDeviceFilter();
  const paging = useDevicePaging();
  const list = useDeviceList(filter, paging);
  const templateNames = useTemplateNames();
  const mayChange = useMay("operator");
  const [asking, setAsking] = useState<{ action: BulkActionName; target: BulkTarget } | null>(null);
  const shown = list.data?.items ?? [];
  const total = list.data?.total ?? 0;
  const nextCursor = list.data?.nextCursor ?? null;
  const selection = useSelection(filter, shown, total);

  return (
    <>
      <PageHeader title="Devices" />
      <PageSection>
        <Toolbar
          clearAllFilters={clear}
          clearFiltersButtonText="Clear all filters"
          className="rciots-list-toolbar"
        >
          <ToolbarContent>
            {mayChange && (
              <ToolbarItem>
                <SelectionMenu selection={selection} shown={shown} total={total} />
              </ToolbarItem>
            )}
            <DeviceFilters filter={filter} change={change} />
            <ToolbarItem>
              <SortMenu sort={paging.sort} onChange={paging.setSort} />
            </ToolbarItem>
            {mayChange && (
              <ToolbarItem>
                <BulkMenu
                  actions={manyActions}
                  isDisabled={selection.count === 0}
                  onChoose={(action) => setAsking({ action, target: selection.target })}
                />
              </ToolbarItem>
            )}
            <ToolbarItem variant="pagination" align={{ default: "alignEnd" }}>
              <Pages paging={paging} total={total} nextCursor={nextCursor} />
            </ToolbarItem>
          </ToolbarContent>
        </Toolbar>
        {list.isPending && <DevicesSkeleton />}
        {list.isError && <ErrorState error={list.error} onRetry={() => void list.refetch()} />}
        {list.data && shown.length === 0 && <NoDevices filtered={isFiltered(filter)} onClear={clear} />}
        {shown.length > 0 && (
          <>
            <DevicesTable
              devices={shown}
              {...(mayChange ? { selection } : {})}
              templateNames={templateNames}
              actionsOf={(device) =>
                actionsFor(device).map((action) => ({
                  title: bulkActions[action].label,
                  isDanger: bulkActions[action].isDanger === true,
                  onClick: () => setAsking({ action, target: { ids: [device.id], count: 1 } }),
                }))
              }
            />
            <Pages paging={paging} total={total} nextCursor={nextCursor} isBottom />
          </>
        )}
      </PageSection>
      {asking !== null && (
        <BulkModal
          {...asking}
          onClose={() => setAsking(null)}
          onDone={() => {
            setAsking(null);
            selection.clear();
          }}
        />
      )}
    </>
  );
}
