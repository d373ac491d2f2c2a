import {
  ActionGroup,
  Alert,
  Button,
  Form,
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  TextArea,
} from "@patternfly/react-core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { ifMatch, unwrap, type Api, type Schema } from "../api/client.ts";
import { hasCode } from "../api/problem.ts";
import { ErrorState } from "../components/error-state.tsx";
import { PageLoading } from "../components/page-loading.tsx";
import { ProblemAlert } from "../components/problem-alert.tsx";
import { useToasts } from "../components/toasts.ts";
import { useMay } from "../session/session.ts";

interface Versioned {
  lists: Schema<"AllowLists">;
  version: number;
}

async function readLists(api: Api, signal: AbortSignal): Promise<Versioned> {
  const call = api.GET("/api/v1/organization/allow-lists", { signal });
  const lists = await unwrap(call);
  const { response } = await call;
  return { lists, version: Number((response.headers.get("etag") ?? "").replaceAll('"', "")) };
}

const toLines = (networks: readonly string[]): string => networks.join("\n");
const toNetworks = (lines: string): string[] =>
  lines
    .split(/[\s,]+/)
    .map((line) => line.trim())
    .filter((line) => line !== "");

interface ListFieldProps {
  id: string;
  label: string;
  help: string;
  value: string;
  isDisabled: boolean;
  onChange: (value: string) => void;
  children?: ReactNode;
}

function ListField({ id, label, help, value, isDisabled, onChange, children }: ListFieldProps): ReactNode {
  return (
    <FormGroup label={label} fieldId={id}>
      <TextArea
        id={id}
        value={value}
        rows={5}
        resizeOrientation="vertical"
        spellCheck={false}
        isDisabled={isDisabled}
        placeholder="Every address"
        aria-describedby={`${id}-help`}
        onChange={(_event, text) => onChange(text)}
      />
      <FormHelperText id={`${id}-help`}>
        <HelperText>
          <HelperTextItem>{help}</HelperTextItem>
        </HelperText>
      </FormHelperText>
      {children}
    </FormGroup>
  );
}

/** Adds the own address where the platform refuses a list that would lock the person out. */
function LockOutAlert({ address, onAdd }: { address: string; onAdd: () => void }): ReactNode {
  return (
    <Alert
      variant="warning"
      isInline
      title="You would lock yourself out"
      actionLinks={
        <Button variant="link" isInline onClick={onAdd}>
          {`Add ${address}`}
        </Button>
      }
    >
      {`You come from ${address}, which is not in the list for people. Nothing was changed.`}
    </Alert>
  );
}

function AllowListsForm({ lists, version }: Versioned): ReactNode {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  const may = useMay("admin");
  const [people, setPeople] = useState(toLines(lists.console));
  const [programs, setPrograms] = useState(toLines(lists.apiTokens));
  const save = useMutation({
    mutationFn: () =>
      unwrap(
        api.PUT("/api/v1/organization/allow-lists", {
          headers: ifMatch(version),
          body: { console: toNetworks(people), apiTokens: toNetworks(programs) },
        }),
      ),
    async onSuccess() {
      toasts.add({ title: "The allow-lists were saved" });
      await queries.invalidateQueries({ queryKey: ["allow-lists"] });
    },
  });
  const isChanged = people !== toLines(lists.console) || programs !== toLines(lists.apiTokens);
  const isLockOut = hasCode(save.error, "would_lock_out");
  const addOwn = (): void => {
    setPeople(toLines([...toNetworks(people), lists.yourAddress]));
    save.reset();
  };
  return (
    <Form
      isWidthLimited
      onSubmit={(event) => {
        event.preventDefault();
        if (isChanged) save.mutate();
      }}
    >
      <ListField
        id="allow-console"
        label="People"
        help={`Where people may work from: one address or network on each line, such as 192.0.2.0/24 or 2001:db8::/32. You come from ${lists.yourAddress}.`}
        value={people}
        isDisabled={!may}
        onChange={setPeople}
      />
      <ListField
        id="allow-tokens"
        label="API tokens"
        help="Where API tokens of this organisation are taken from."
        value={programs}
        isDisabled={!may}
        onChange={setPrograms}
      />
      {isLockOut && <LockOutAlert address={lists.yourAddress} onAdd={addOwn} />}
      {!isLockOut && <ProblemAlert error={save.error} title="The lists could not be saved" />}
      {may && (
        <ActionGroup>
          <Button type="submit" isDisabled={!isChanged || save.isPending} isLoading={save.isPending}>
            Save
          </Button>
        </ActionGroup>
      )}
    </Form>
  );
}

export function AllowListsTab(): ReactNode {
  const api = useApi();
  const query = useQuery({
    queryKey: ["allow-lists"],
    queryFn: ({ signal }) => readLists(api, signal),
  });
  if (query.isPending) return <PageLoading />;
  if (query.isError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  return <AllowListsForm key={query.data.version} {...query.data} />;
}
