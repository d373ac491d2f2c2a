import {
  Alert,
  Button,
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
  FormSelectOption,
  Spinner,
  Switch,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from "@patternfly/react-core";
import { TerminalIcon } from "@patternfly/react-icons/dist/esm/icons/terminal-icon";
import { lazy, Suspense, useCallback, useRef, useState, type ReactNode } from "react";
import { Link, useSearchParams } from "react-router";
import { ErrorState } from "../../components/error-state.tsx";
import { PageLoading } from "../../components/page-loading.tsx";
import { RequestId } from "../../components/request-id.tsx";
import { useMay, useSession } from "../../session/session.ts";
import type { Device } from "../use-device.ts";
import { ContainerSelect, PodSelect } from "./pod-select.tsx";
import { socketUrl } from "./socket-url.ts";
import type { TerminalState } from "./terminal-connection.ts";
import { podKey, usePods } from "./use-pods.ts";
import { useRemoteAccess } from "./use-remote-access.ts";
import "./terminal.css";

const TerminalView = lazy(() => import("./terminal-view.tsx"));
const readerKey = "rciots.terminal.reader";

/** What is where: `host`, or `namespace/pod` with a container. In the address, so that it can be handed on. */
function usePlace() {
  const [search, setSearch] = useSearchParams();
  const pod = search.get("pod") ?? "";
  const container = search.get("container") ?? "";
  const choose = (next: Record<string, string>): void => setSearch(next, { replace: true });
  return { pod, container, choose };
}

function NotAllowed({ title, children }: { title: string; children: ReactNode }): ReactNode {
  return (
    <EmptyState titleText={title} headingLevel="h2" icon={TerminalIcon}>
      <EmptyStateBody>{children}</EmptyStateBody>
    </EmptyState>
  );
}

/** How it stands, where that is not simply well. */
function StateNotice({ state, onAgain }: { state: TerminalState; onAgain: () => void }): ReactNode {
  const again = (
    <Button variant="link" isInline onClick={onAgain}>
      Open a new terminal
    </Button>
  );
  if (state.kind === "lost")
    return (
      <Alert
        isInline
        variant="warning"
        title="The connection is lost; what runs there goes on"
        customIcon={<Spinner size="md" aria-label="Connecting" />}
        aria-live="polite"
      >
        It is taken up again where it was, for up to a minute.
      </Alert>
    );
  if (state.kind === "exited")
    return (
      <Alert isInline variant="info" title="The terminal is over" actionLinks={again} aria-live="polite">
        {state.text}
      </Alert>
    );
  if (state.kind === "failed")
    return (
      <Alert isInline variant="danger" title="There is no terminal" actionLinks={again} aria-live="polite">
        {state.problem.detail}
        <RequestId id={state.problem.requestId} />
      </Alert>
    );
  return null;
}

/** Terminals on the device and in its containers. */
export function TerminalTab({ device }: { device: Device }): ReactNode {
  const access = useRemoteAccess();
  const { account } = useSession();
  const isOwner = useMay("owner");
  const least = access.data?.terminal ?? null;
  const may = useMay(least ?? "owner");
  if (access.isPending) return <PageLoading label="Loading the terminal" />;
  if (access.isError) return <ErrorState error={access.error} onRetry={() => void access.refetch()} />;
  if (least === null)
    return (
      <NotAllowed title="Terminals are switched off">
        {isOwner ? (
          <>
            You can let people of your organisation open them under{" "}
            <Link to="/settings/remote-access">Settings, Remote access</Link>. The device has to allow it too.
          </>
        ) : (
          "An owner of your organisation can let people open them. The device has to allow it too."
        )}
      </NotAllowed>
    );
  if (!may)
    return (
      <NotAllowed title="You may not open terminals">
        {`In your organisation that needs the role ${least} or a higher one; you are ${account.role ?? "no member"}.`}
      </NotAllowed>
    );
  return <TerminalPanel device={device} />;
}

function TerminalPanel({ device }: { device: Device }): ReactNode {
  const { organization } = useSession();
  const { pod, container, choose } = usePlace();
  const [opened, setOpened] = useState<{ pod: string; container: string; count: number } | null>(null);
  const [state, setState] = useState<TerminalState>({ kind: "connecting" });
  const [isReader, setIsReader] = useState(() => localStorage.getItem(readerKey) === "true");
  const leave = useRef<HTMLButtonElement>(null);
  const query = usePods(device.id, device.presence.online);
  const chosen = query.pods.find((one) => podKey(one) === pod);
  const open = (): void => {
    setState({ kind: "connecting" });
    setOpened({
      pod,
      container: container || (chosen?.containers[0]?.name ?? ""),
      count: (opened?.count ?? 0) + 1,
    });
  };
  const organizationId = organization?.id;
  const url = useCallback(
    (parameters: Record<string, string>) => {
      const [namespace = "", name = ""] = (opened?.pod ?? "").split("/");
      const where = { namespace, pod: name, ...(opened?.container ? { container: opened.container } : {}) };
      const place = opened?.pod ? where : {};
      return socketUrl(`/devices/${device.id}/terminal`, organizationId, { ...place, ...parameters });
    },
    [opened, device.id, organizationId],
  );
  return (
    <div className="rciots-terminal">
      <Toolbar>
        <ToolbarContent>
          <ToolbarItem>
            <PodSelect
              id="terminal-pod"
              pods={query.pods}
              value={pod}
              onChange={(next) => choose(next === "" ? {} : { pod: next })}
            >
              <FormSelectOption value="" label="The device itself" />
            </PodSelect>
          </ToolbarItem>
          <ToolbarItem>
            <ContainerSelect
              id="terminal-container"
              pod={chosen}
              value={container}
              onChange={(next) => choose({ pod, container: next })}
            />
          </ToolbarItem>
          <ToolbarItem>
            <Button ref={leave} variant={opened === null ? "primary" : "secondary"} onClick={open}>
              {opened === null ? "Open terminal" : "New terminal"}
            </Button>
          </ToolbarItem>
          <ToolbarItem align={{ default: "alignEnd" }} alignSelf="center">
            <Switch
              id="terminal-reader"
              label="Screen reader"
              isChecked={isReader}
              onChange={(_event, isOn) => {
                localStorage.setItem(readerKey, String(isOn));
                setIsReader(isOn);
              }}
            />
          </ToolbarItem>
        </ToolbarContent>
      </Toolbar>
      {query.isError && (
        <Alert
          isInline
          isPlain
          variant="info"
          title="The device's pods are not known, so only itself can be chosen"
        />
      )}
      {opened === null ? (
        <EmptyState titleText="A terminal on this device" headingLevel="h2" icon={TerminalIcon}>
          <EmptyStateBody>
            A shell of the device itself, as its agent&apos;s user, or in one of its containers. That it was
            opened, by whom and for how long is recorded; what is typed is not.
          </EmptyStateBody>
          <EmptyStateFooter>
            <EmptyStateActions>
              <Button variant="link" onClick={open} isDisabled={!device.presence.online}>
                {device.presence.online ? "Open terminal" : "The device is not connected"}
              </Button>
            </EmptyStateActions>
          </EmptyStateFooter>
        </EmptyState>
      ) : (
        <>
          <StateNotice state={state} onAgain={open} />
          <Suspense fallback={<PageLoading label="Loading the terminal" />}>
            <TerminalView
              key={opened.count}
              url={url}
              label={`Terminal on ${opened.pod === "" ? device.name : opened.pod}; Shift and Escape leave it`}
              isScreenReader={isReader}
              onState={setState}
              onLeave={() => leave.current?.focus()}
            />
          </Suspense>
          <p className="rciots-terminal-hint">
            Ctrl+Shift+C copies, Ctrl+Shift+V pastes, Shift+Esc leaves the terminal. Leaving this tab ends it.
          </p>
        </>
      )}
    </div>
  );
}
