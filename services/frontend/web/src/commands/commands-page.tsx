import {
  Button,
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
  PageSection,
  ToggleGroup,
  ToggleGroupItem,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from "@patternfly/react-core";
import { SearchIcon } from "@patternfly/react-icons/dist/esm/icons/search-icon";
import { TerminalIcon } from "@patternfly/react-icons/dist/esm/icons/terminal-icon";
import { ActionsColumn, Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import type { ReactNode } from "react";
import { Link, useNavigate, useSearchParams } from "react-router";
import { PageHeader } from "../components/page-header.tsx";
import { PagedList } from "../components/paged-list.tsx";
import { SearchField } from "../components/search-field.tsx";
import { TimeAgo } from "../components/time-ago.tsx";
import { useMay } from "../session/session.ts";
import { useRepeat, useRuns, type CommandRun, type RunFilter } from "./command-queries.ts";
import { NewCommandButton } from "./executions-table.tsx";
import { RunLabel } from "./execution-state.tsx";
import { RunProgress } from "./run-progress.tsx";
import "./commands.css";

const states = { "": "All", running: "Running", finished: "Finished" } as const;

function useFilter() {
  const [search, setSearch] = useSearchParams();
  const given = search.get("state");
  const state: RunFilter["state"] = given === "running" || given === "finished" ? given : "";
  const filter: RunFilter = { q: (search.get("q") ?? "").slice(0, 100), state };
  const change = (part: Partial<RunFilter>): void => {
    const next = Object.entries({ ...filter, ...part }).filter(([, value]) => value !== "");
    setSearch(new URLSearchParams(next), { replace: true });
  };
  return { filter, change };
}

function RunsTable({ runs }: { runs: readonly CommandRun[] }): ReactNode {
  const may = useMay("operator");
  const navigate = useNavigate();
  const repeat = useRepeat(({ id }) => void navigate(`/commands/${id}`));
  return (
    <Table aria-label="Commands" variant="compact" gridBreakPoint="grid-lg">
      <Thead>
        <Tr>
          <Th width={30}>Title</Th>
          <Th>State</Th>
          <Th>Devices</Th>
          <Th width={25}>Progress</Th>
          <Th>By</Th>
          <Th>Started</Th>
          {may && <Th screenReaderText="Actions" />}
        </Tr>
      </Thead>
      <Tbody>
        {runs.map((run) => (
          <Tr key={run.id}>
            <Td dataLabel="Title" modifier="breakWord">
              <Link to={`/commands/${run.id}`}>{run.title}</Link>
            </Td>
            <Td dataLabel="State">
              <RunLabel run={run} />
            </Td>
            <Td dataLabel="Devices">{run.deviceCount}</Td>
            <Td dataLabel="Progress">
              <RunProgress run={run} isCompact />
            </Td>
            <Td dataLabel="By" modifier="breakWord">
              {run.createdBy.name}
            </Td>
            <Td dataLabel="Started" modifier="nowrap">
              <TimeAgo at={run.createdAt} />
            </Td>
            {may && (
              <Td isActionCell>
                <ActionsColumn
                  items={[
                    { title: "Run again", onClick: () => repeat.mutate(run.id) },
                    {
                      title: "Edit and run",
                      onClick: () => void navigate(`/commands/new?from=${run.id}`),
                    },
                  ]}
                />
              </Td>
            )}
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

function NoRuns({ isFiltered, onClear }: { isFiltered: boolean; onClear: () => void }): ReactNode {
  const may = useMay("operator");
  if (isFiltered) {
    return (
      <EmptyState titleText="No command matches" headingLevel="h2" icon={SearchIcon}>
        <EmptyStateFooter>
          <Button variant="link" onClick={onClear}>
            Clear all filters
          </Button>
        </EmptyStateFooter>
      </EmptyState>
    );
  }
  return (
    <EmptyState titleText="Nothing was run yet" headingLevel="h2" icon={TerminalIcon}>
      <EmptyStateBody>
        Run a command or a script on one device or on many at once, and watch what it writes. A device takes
        commands where its agent was started with RCIOTS_COMMANDS, and by its own rules.
      </EmptyStateBody>
      {may && (
        <EmptyStateFooter>
          <EmptyStateActions>
            <NewCommandButton />
          </EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  );
}

/** What was run on devices, the newest first. */
export function CommandsPage(): ReactNode {
  const { filter, change } = useFilter();
  const may = useMay("operator");
  const pages = useRuns(filter);
  const isFiltered = filter.q !== "" || filter.state !== "";
  const isEmpty = !pages.isPending && pages.error === null && pages.items.length === 0 && !isFiltered;
  return (
    <>
      <PageHeader
        title="Commands"
        description="Commands and scripts that were run on devices. They are kept for 30 days."
        {...(may && !isEmpty ? { actions: <NewCommandButton /> } : {})}
      />
      <PageSection>
        {!isEmpty && (
          <Toolbar>
            <ToolbarContent>
              <ToolbarItem>
                <SearchField
                  label="Find commands by title"
                  placeholder="Find by title"
                  key={filter.q === "" ? "cleared" : "set"}
                  q={filter.q}
                  onSearch={(q) => change({ q })}
                />
              </ToolbarItem>
              <ToolbarItem>
                <ToggleGroup aria-label="State">
                  {Object.entries(states).map(([value, label]) => (
                    <ToggleGroupItem
                      key={value}
                      text={label}
                      isSelected={filter.state === value}
                      onChange={() => change({ state: value as RunFilter["state"] })}
                    />
                  ))}
                </ToggleGroup>
              </ToolbarItem>
            </ToolbarContent>
          </Toolbar>
        )}
        <PagedList
          pages={pages}
          empty={<NoRuns isFiltered={isFiltered} onClear={() => change({ q: "", state: "" })} />}
        >
          {(runs) => <RunsTable runs={runs} />}
        </PagedList>
      </PageSection>
    </>
  );
}
