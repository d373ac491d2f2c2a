import {
  Alert,
  Button,
  EmptyState,
  EmptyStateBody,
  FormSelect,
  FormSelectOption,
  SearchInput,
  Switch,
  Toolbar,
  ToolbarContent,
  ToolbarGroup,
  ToolbarItem,
} from "@patternfly/react-core";
import { ListIcon } from "@patternfly/react-icons/dist/esm/icons/list-icon";
import { useDeferredValue, useMemo, useState, type ReactNode } from "react";
import { useSearchParams } from "react-router";
import { ErrorState } from "../../components/error-state.tsx";
import { PageLoading } from "../../components/page-loading.tsx";
import { RequestId } from "../../components/request-id.tsx";
import { useMay, useSession } from "../../session/session.ts";
import { ContainerSelect, PodSelect } from "../terminal/pod-select.tsx";
import { socketUrl } from "../terminal/socket-url.ts";
import { podKey, usePods, type Pod } from "../terminal/use-pods.ts";
import type { Device } from "../use-device.ts";
import { LogView } from "./log-view.tsx";
import { useLog } from "./use-log.ts";
import "./logs.css";

const ranges = {
  "tail-500": "Last 500 lines",
  "tail-5000": "Last 5,000 lines",
  "since-300": "Last 5 minutes",
  "since-3600": "Last hour",
  "since-86400": "Last day",
  all: "Everything",
} as const;

/** What is asked for, in the address: a link shows the same log to somebody else. */
function useChoice() {
  const [search, setSearch] = useSearchParams();
  const get = (key: string): string => search.get(key) ?? "";
  const set = (changes: Record<string, string>): void => {
    const next = new URLSearchParams(search);
    for (const [key, value] of Object.entries(changes)) {
      if (value === "") next.delete(key);
      else next.set(key, value);
    }
    setSearch(next, { replace: true });
  };
  return { get, set };
}

function rangeParameters(range: string): Record<string, string> {
  const [kind, amount = ""] = (range === "" ? "tail-500" : range).split("-");
  if (kind === "tail") return { tailLines: amount };
  return kind === "since" ? { sinceSeconds: amount } : {};
}

function download(lines: readonly string[], name: string): void {
  const address = URL.createObjectURL(new Blob([`${lines.join("\n")}\n`], { type: "text/plain" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = `${name.replaceAll("/", "_")}.log`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1_000);
}

/** What the containers on a device print, past and live. */
export function LogsTab({ device }: { device: Device }): ReactNode {
  const may = useMay("operator");
  const query = usePods(device.id, may && device.presence.online);
  if (!may)
    return (
      <EmptyState titleText="You may not read logs" headingLevel="h2" icon={ListIcon}>
        <EmptyStateBody>That needs the role operator or a higher one.</EmptyStateBody>
      </EmptyState>
    );
  if (!device.presence.online)
    return (
      <EmptyState titleText="The device is not connected" headingLevel="h2" icon={ListIcon}>
        <EmptyStateBody>Logs are read on the device; they can be when it is back.</EmptyStateBody>
      </EmptyState>
    );
  if (query.isPending) return <PageLoading label="Asking the device for its pods" />;
  if (query.isError)
    return (
      <ErrorState
        error={query.error}
        title="The device's pods could not be read"
        onRetry={() => void query.refetch()}
      />
    );
  if (query.pods.length === 0)
    return (
      <EmptyState titleText="There are no pods" headingLevel="h2" icon={ListIcon}>
        <EmptyStateBody>
          Nothing runs on the device&apos;s cluster that its agent may see. Assign a template to have
          something run.
        </EmptyStateBody>
      </EmptyState>
    );
  return <LogsPanel device={device} pods={query.pods} />;
}

function LogsPanel({ device, pods }: { device: Device; pods: readonly Pod[] }): ReactNode {
  const { organization } = useSession();
  const choice = useChoice();
  const { get } = choice;
  const [again, setAgain] = useState(0);
  /** The log whose end somebody scrolled away from; another one is shown from its end. */
  const [leftAt, setLeftAt] = useState("");
  const set = (changes: Record<string, string>): void => {
    setLeftAt("");
    choice.set(changes);
  };
  const [isWrapped, setIsWrapped] = useState(false);
  const first = pods.find(({ applied }) => applied) ?? pods[0];
  const chosen = pods.find((pod) => podKey(pod) === get("pod")) ?? first;
  const container = get("container") || (chosen?.containers[0]?.name ?? "");
  const [namespace, name] = chosen === undefined ? [] : [chosen.namespace, chosen.name];
  const [range, contains] = [get("range"), get("contains")];
  const [isPrevious, hasTimes, isLive] = [
    get("previous") === "true",
    get("times") === "true",
    get("live") !== "false",
  ];
  const url = useMemo(() => {
    if (namespace === undefined || name === undefined) return null;
    return socketUrl(`/devices/${device.id}/pod-logs`, organization?.id, {
      ...{ namespace, pod: name, ...(container === "" ? {} : { container }) },
      ...rangeParameters(range),
      ...(isLive && !isPrevious ? { follow: "true" } : {}),
      ...(isPrevious ? { previous: "true" } : {}),
      ...(hasTimes ? { timestamps: "true" } : {}),
      ...(contains === "" ? {} : { contains }),
    });
  }, [
    device.id,
    organization?.id,
    namespace,
    name,
    container,
    range,
    isLive,
    isPrevious,
    hasTimes,
    contains,
  ]);
  const log = useLog(url, again);
  const reading = `${again} ${url ?? ""}`;
  const isFollowing = leftAt !== reading;
  const [typed, setTyped] = useState("");
  const search = useDeferredValue(typed);
  const matches = useMemo(
    () =>
      search === ""
        ? 0
        : log.lines.filter((line) => line.toLowerCase().includes(search.toLowerCase())).length,
    [log.lines, search],
  );
  return (
    <div className="rciots-logs">
      <Toolbar>
        <ToolbarContent>
          <ToolbarGroup>
            <ToolbarItem>
              <PodSelect
                id="logs-pod"
                pods={pods}
                value={chosen === undefined ? "" : podKey(chosen)}
                onChange={(pod) => set({ pod, container: "", previous: "" })}
              />
            </ToolbarItem>
            <ToolbarItem>
              <ContainerSelect
                id="logs-container"
                pod={chosen}
                value={container}
                onChange={(next) => set({ container: next })}
              />
            </ToolbarItem>
            <ToolbarItem>
              <FormSelect
                id="logs-range"
                aria-label="How far back"
                value={range === "" ? "tail-500" : range}
                onChange={(_event, next) => set({ range: next })}
              >
                {Object.entries(ranges).map(([value, label]) => (
                  <FormSelectOption key={value} value={value} label={label} />
                ))}
              </FormSelect>
            </ToolbarItem>
          </ToolbarGroup>
          <ToolbarItem>
            <SearchInput
              aria-label="Search in these lines"
              placeholder="Search in these lines"
              value={typed}
              onChange={(_event, text) => setTyped(text)}
              onClear={() => setTyped("")}
              {...(search === "" ? {} : { resultsCount: `${matches} lines` })}
            />
          </ToolbarItem>
          <ToolbarItem>
            <Button variant="secondary" isDisabled={typed === ""} onClick={() => set({ contains: typed })}>
              Only matching lines
            </Button>
          </ToolbarItem>
          <ToolbarItem>
            <Button
              variant="secondary"
              isDisabled={log.lines.length === 0}
              onClick={() => download(log.lines, `${namespace ?? ""}/${name ?? ""}`)}
            >
              Download
            </Button>
          </ToolbarItem>
        </ToolbarContent>
        <ToolbarContent>
          <ToolbarGroup gap={{ default: "gapLg" }} className="rciots-log-switches">
            <Switch
              id="logs-live"
              label="Live"
              isChecked={isLive && !isPrevious}
              isDisabled={isPrevious}
              onChange={(_event, isOn) => set({ live: isOn ? "" : "false" })}
            />
            <Switch
              id="logs-previous"
              label="Before the last restart"
              isChecked={isPrevious}
              onChange={(_event, isOn) => set({ previous: isOn ? "true" : "" })}
            />
            <Switch
              id="logs-times"
              label="Times"
              isChecked={hasTimes}
              onChange={(_event, isOn) => set({ times: isOn ? "true" : "" })}
            />
            <Switch
              id="logs-wrap"
              label="Wrap lines"
              isChecked={isWrapped}
              onChange={(_event, isOn) => setIsWrapped(isOn)}
            />
          </ToolbarGroup>
        </ToolbarContent>
      </Toolbar>
      {contains !== "" && (
        <Alert
          isInline
          isPlain
          variant="info"
          title={`The device sends only lines with "${contains}"`}
          actionLinks={
            <Button variant="link" isInline onClick={() => set({ contains: "" })}>
              Read all lines
            </Button>
          }
        />
      )}
      {log.problem !== null && (
        <Alert
          isInline
          variant="danger"
          title="The log could not be read"
          aria-live="polite"
          actionLinks={
            <Button variant="link" isInline onClick={() => setAgain(again + 1)}>
              Read again
            </Button>
          }
        >
          {log.problem.detail}
          <RequestId id={log.problem.requestId} />
        </Alert>
      )}
      <LogView
        lines={log.lines}
        search={search}
        isWrapped={isWrapped}
        isFollowing={isFollowing}
        onFollow={(isAtEnd) => setLeftAt(isAtEnd ? "" : reading)}
        label={`Log of ${name ?? "the pod"}`}
      />
      <div className="rciots-log-foot">
        <span aria-live="polite">{footOf(log, isLive && !isPrevious)}</span>
        {!isFollowing && (
          <Button variant="link" isInline onClick={() => setLeftAt("")}>
            Go to the end
          </Button>
        )}
      </div>
    </div>
  );
}

function footOf({ lines, dropped, phase }: ReturnType<typeof useLog>, isLive: boolean): string {
  const count = `${lines.length.toLocaleString("en")} lines`;
  const older = dropped === 0 ? "" : `, ${dropped.toLocaleString("en")} older ones dropped`;
  if (phase === "connecting") return "Reading the log …";
  if (phase === "ended" && lines.length === 0) return "Nothing was printed.";
  if (phase === "ended") return `${count}${older}. That is all.`;
  return `${count}${older}${isLive ? ", live" : ""}`;
}
