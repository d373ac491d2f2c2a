import { ActionGroup, Button, Form, FormSection, PageSection } from "@patternfly/react-core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState, type ReactNode } from "react";
import { Link, useNavigate, useSearchParams } from "react-router";
import { useApi } from "../api/api-context.ts";
import { unwrap, type Api } from "../api/client.ts";
import { ErrorState } from "../components/error-state.tsx";
import { PageHeader } from "../components/page-header.tsx";
import { PageLoading } from "../components/page-loading.tsx";
import { ProblemAlert } from "../components/problem-alert.tsx";
import { useToasts } from "../components/toasts.ts";
import { UnsavedGuard } from "../components/unsaved-guard.tsx";
import { bodyOf, draftOfRun, emptyDraft, missing, withScript, type CommandDraft } from "./command-draft.ts";
import { OptionFields } from "./option-fields.tsx";
import { ProgramFields } from "./program-fields.tsx";
import { TargetFields } from "./target-fields.tsx";
import "./commands.css";

function CommandForm({ initial }: { initial: CommandDraft }): ReactNode {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  const navigate = useNavigate();
  const [draft, setDraft] = useState(initial);
  const isDirty = useRef(false);
  useEffect(() => void (isDirty.current = draft !== initial), [draft, initial]);
  const readDirty = useCallback(() => isDirty.current, []);
  const change = (part: Partial<CommandDraft>): void => setDraft((current) => ({ ...current, ...part }));
  const start = useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/commands", { body: bodyOf(draft) })),
    async onSuccess(run) {
      isDirty.current = false;
      toasts.add({
        title: `"${run.title}" was started on ${run.deviceCount} device${run.deviceCount === 1 ? "" : "s"}`,
      });
      await queries.invalidateQueries({ queryKey: ["commands"] });
      void navigate(`/commands/${run.id}`);
    },
  });
  const gap = missing(draft);
  return (
    <Form
      className="rciots-command-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (gap === null && !start.isPending) start.mutate();
      }}
    >
      <FormSection title="Where it runs" titleElement="h2">
        <TargetFields draft={draft} change={change} />
      </FormSection>
      <FormSection title="What is run" titleElement="h2">
        <ProgramFields draft={draft} change={change} />
      </FormSection>
      <FormSection title="How it is run" titleElement="h2">
        <OptionFields draft={draft} change={change} />
      </FormSection>
      <ProblemAlert error={start.error} title="It was not started" />
      <ActionGroup>
        <Button type="submit" isDisabled={gap !== null || start.isPending} isLoading={start.isPending}>
          Run
        </Button>
        <Button variant="link" component={(props) => <Link {...props} to="/commands" />}>
          Cancel
        </Button>
        {gap !== null && <span className="rciots-command-gap">{gap}</span>}
      </ActionGroup>
      <UnsavedGuard isDirty={readDirty} what="What you filled in" />
    </Form>
  );
}

/** What the address says to begin with: an earlier run, a saved script, a device. */
async function initialDraft(api: Api, search: URLSearchParams, signal: AbortSignal): Promise<CommandDraft> {
  const [from, script, device] = ["from", "script", "device"].map((name) => search.get(name));
  let draft = emptyDraft;
  if (from) {
    const id = from;
    const run = await unwrap(api.GET("/api/v1/commands/{id}", { params: { path: { id } }, signal }));
    draft = draftOfRun(run);
    if (run.selector === null) {
      const params = { path: { id }, query: { limit: 500 } };
      const { items } = await unwrap(api.GET("/api/v1/commands/{id}/executions", { params, signal }));
      const devices = items.map(({ deviceId, deviceName }) => ({ id: deviceId, name: deviceName }));
      draft = { ...draft, target: "named", devices };
    }
  }
  if (script) {
    const params = { path: { id: script } };
    draft = withScript(draft, await unwrap(api.GET("/api/v1/scripts/{id}", { params, signal })));
  }
  if (device) {
    const params = { path: { id: device } };
    const { id, name } = await unwrap(api.GET("/api/v1/devices/{id}", { params, signal }));
    draft = { ...draft, target: "named", devices: [{ id, name }] };
  }
  return draft;
}

/** Runs something on one device or on many. */
export function NewCommandPage(): ReactNode {
  const api = useApi();
  const [search] = useSearchParams();
  const found = useQuery({
    // Read once: what others change meanwhile doesn't replace what is being filled in.
    queryKey: ["command-draft", search.toString()],
    staleTime: Infinity,
    gcTime: 0,
    refetchOnWindowFocus: false,
    queryFn: ({ signal }) => initialDraft(api, search, signal),
  });
  return (
    <>
      <PageHeader
        title="Run a command"
        breadcrumb={[{ label: "Commands", to: "/commands" }]}
        description="On each device once. The device's own rules decide whether it runs."
      />
      <PageSection>
        {found.isPending && <PageLoading />}
        {found.isError && <ErrorState error={found.error} onRetry={() => void found.refetch()} />}
        {found.data !== undefined && <CommandForm key={search.toString()} initial={found.data} />}
      </PageSection>
    </>
  );
}
