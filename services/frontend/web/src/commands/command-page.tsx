import {
  ActionList,
  ActionListGroup,
  ActionListItem,
  Alert,
  Button,
  Card,
  CardBody,
  CardTitle,
  MenuToggle,
  PageSection,
  SearchInput,
  Select,
  SelectList,
  SelectOption,
  Toolbar,
  ToolbarContent,
  ToolbarFilter,
  ToolbarItem,
} from "@patternfly/react-core";
import { useState, type ReactNode } from "react";
import { Link, useNavigate, useParams, useSearchParams } from "react-router";
import { ConfirmModal } from "../components/confirm-modal.tsx";
import { ErrorState } from "../components/error-state.tsx";
import { PageHeader } from "../components/page-header.tsx";
import { PageLoading } from "../components/page-loading.tsx";
import { PagedList } from "../components/paged-list.tsx";
import { useMay } from "../session/session.ts";
import {
  useCancelRun,
  useExecutions,
  useRepeat,
  useRun,
  type CommandRun,
  type ExecutionState,
} from "./command-queries.ts";
import { deviceLink, ExecutionsTable } from "./executions-table.tsx";
import { RunLabel, stateNames } from "./execution-state.tsx";
import { RunDetails } from "./run-details.tsx";
import { RunProgress } from "./run-progress.tsx";
import "./commands.css";

function CancelRun({ run, onClose }: { run: CommandRun; onClose: () => void }): ReactNode {
  const cancel = useCancelRun(run.id);
  return (
    <ConfirmModal
      title={`Cancel "${run.title}"?`}
      confirmLabel="Cancel the command"
      isDanger
      isPending={cancel.isPending}
      error={cancel.error}
      onConfirm={() => cancel.mutate(undefined, { onSuccess: onClose })}
      onClose={onClose}
    >
      It begins on no more devices. Where it runs, its processes are asked to end and then killed; what they
      did until then stays done.
    </ConfirmModal>
  );
}

function Actions({ run }: { run: CommandRun }): ReactNode {
  const may = useMay("operator");
  const navigate = useNavigate();
  const [isCanceling, setIsCanceling] = useState(false);
  const repeat = useRepeat(({ id }) => void navigate(`/commands/${id}`));
  if (!may) return null;
  const mayCancel = run.state === "running" && run.stopped?.reason !== "canceled";
  return (
    <ActionList>
      <ActionListGroup>
        {mayCancel && (
          <ActionListItem>
            <Button variant="secondary" isDanger onClick={() => setIsCanceling(true)}>
              Cancel
            </Button>
          </ActionListItem>
        )}
        <ActionListItem>
          <Button
            variant="secondary"
            component={(props) => <Link {...props} to={`/commands/new?from=${run.id}`} />}
          >
            Edit and run
          </Button>
        </ActionListItem>
        <ActionListItem>
          <Button
            isLoading={repeat.isPending}
            isDisabled={repeat.isPending}
            onClick={() => repeat.mutate(run.id)}
          >
            Run again
          </Button>
        </ActionListItem>
      </ActionListGroup>
      {isCanceling && <CancelRun run={run} onClose={() => setIsCanceling(false)} />}
    </ActionList>
  );
}

function useExecutionFilter() {
  const [search, setSearch] = useSearchParams();
  const q = (search.get("q") ?? "").slice(0, 63);
  const states = search
    .getAll("state")
    .filter((state): state is ExecutionState => Object.hasOwn(stateNames, state));
  const change = (part: { q?: string; states?: ExecutionState[] }): void => {
    const next = new URLSearchParams();
    const wanted = { q, states, ...part };
    if (wanted.q !== "") next.set("q", wanted.q);
    for (const state of wanted.states) next.append("state", state);
    setSearch(next, { replace: true });
  };
  return { q, states, change };
}

function Filters({ q, states, change }: ReturnType<typeof useExecutionFilter>): ReactNode {
  const [isOpen, setIsOpen] = useState(false);
  const toggle = (state: ExecutionState): void =>
    change({ states: states.includes(state) ? states.filter((each) => each !== state) : [...states, state] });
  return (
    <Toolbar clearAllFilters={() => change({ q: "", states: [] })} clearFiltersButtonText="Clear all filters">
      <ToolbarContent>
        <ToolbarItem>
          <SearchInput
            aria-label="Find devices by name"
            placeholder="Find by name"
            value={q}
            onChange={(_event, value) => change({ q: value.slice(0, 63) })}
            onClear={() => change({ q: "" })}
          />
        </ToolbarItem>
        <ToolbarFilter
          categoryName="State"
          labels={states.map((state) => ({ key: state, node: stateNames[state] }))}
          deleteLabel={(_category, label) =>
            change({
              states: states.filter((state) => state !== (typeof label === "string" ? label : label.key)),
            })
          }
          deleteLabelGroup={() => change({ states: [] })}
        >
          <Select
            isOpen={isOpen}
            onOpenChange={setIsOpen}
            onSelect={(_event, value) => toggle(value as ExecutionState)}
            isScrollable
            toggle={(ref) => (
              <MenuToggle ref={ref} isExpanded={isOpen} onClick={() => setIsOpen(!isOpen)}>
                State
              </MenuToggle>
            )}
          >
            <SelectList>
              {Object.entries(stateNames).map(([state, label]) => (
                <SelectOption
                  key={state}
                  value={state}
                  hasCheckbox
                  isSelected={states.includes(state as ExecutionState)}
                >
                  {label}
                </SelectOption>
              ))}
            </SelectList>
          </Select>
        </ToolbarFilter>
      </ToolbarContent>
    </Toolbar>
  );
}

function Devices({ run }: { run: CommandRun }): ReactNode {
  const filter = useExecutionFilter();
  const pages = useExecutions(run.id, filter);
  return (
    <>
      {run.deviceCount > 1 && <Filters {...filter} />}
      <PagedList pages={pages} empty={<p className="rciots-muted">No device matches.</p>}>
        {(executions) => (
          <ExecutionsTable
            executions={executions}
            label="Devices it runs on"
            heading="Device"
            nameOf={deviceLink}
          />
        )}
      </PagedList>
    </>
  );
}

const stopTexts = {
  canceled: "It was cancelled",
  failure: "It failed on a device, and begins on no more",
  interrupted: "The platform was interrupted before it began",
} as const;

/** One run: what it is, how far it is, and what it writes on each device. */
export function CommandPage(): ReactNode {
  const { id = "" } = useParams();
  const found = useRun(id);
  if (found.isPending) return <PageLoading label="Loading the command" />;
  if (found.data === undefined) {
    return (
      <PageSection>
        <ErrorState error={found.error} onRetry={() => void found.refetch()} />
      </PageSection>
    );
  }
  const run = found.data;
  return (
    <>
      <PageHeader
        title={run.title}
        breadcrumb={[{ label: "Commands", to: "/commands" }]}
        labels={<RunLabel run={run} />}
        actions={<Actions run={run} />}
      />
      <PageSection>
        <div className="rciots-drawer-sections">
          {run.stopped !== null && (
            <Alert variant="warning" isInline title={stopTexts[run.stopped.reason]}>
              {run.stopped.by === null ? "" : `By ${run.stopped.by}.`}
            </Alert>
          )}
          <RunProgress run={run} />
          <Card isExpanded>
            <CardTitle component="h2">Devices</CardTitle>
            <CardBody>
              <Devices run={run} />
            </CardBody>
          </Card>
          <Card>
            <CardTitle component="h2">What was asked for</CardTitle>
            <CardBody>
              <RunDetails run={run} />
            </CardBody>
          </Card>
        </div>
      </PageSection>
    </>
  );
}
