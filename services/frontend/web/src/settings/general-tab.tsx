import {
  ActionGroup,
  Button,
  Card,
  CardBody,
  CardFooter,
  CardTitle,
  DescriptionList,
  DescriptionListDescription,
  DescriptionListGroup,
  DescriptionListTerm,
  Form,
  FormGroup,
  Stack,
  StackItem,
  TextInput,
} from "@patternfly/react-core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useNavigate } from "react-router";
import { useApi } from "../api/api-context.ts";
import { unwrap, type Schema } from "../api/client.ts";
import { CommandSwitch } from "../commands/command-switch.tsx";
import { ConfirmModal } from "../components/confirm-modal.tsx";
import { CopyableId } from "../components/copyable-id.tsx";
import { ErrorState } from "../components/error-state.tsx";
import { PageLoading } from "../components/page-loading.tsx";
import { ProblemAlert } from "../components/problem-alert.tsx";
import { TimeAgo } from "../components/time-ago.tsx";
import { useToasts } from "../components/toasts.ts";
import { useMay, useSession } from "../session/session.ts";

function RenameForm({ organization }: { organization: Schema<"Organization"> }): ReactNode {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  const { refresh } = useSession();
  const [name, setName] = useState(organization.name);
  const rename = useMutation({
    mutationFn: () => unwrap(api.PATCH("/api/v1/organization", { body: { name: name.trim() } })),
    async onSuccess(renamed) {
      toasts.add({ title: `The organisation is named ${renamed.name} now` });
      await Promise.all([queries.invalidateQueries({ queryKey: ["organizations", "own"] }), refresh()]);
    },
  });
  const isChanged = name.trim() !== "" && name.trim() !== organization.name;
  return (
    <Form
      isWidthLimited
      onSubmit={(event) => {
        event.preventDefault();
        if (isChanged) rename.mutate();
      }}
    >
      <FormGroup label="Name" fieldId="rename-organization">
        <TextInput
          id="rename-organization"
          value={name}
          maxLength={100}
          onChange={(_event, value) => setName(value)}
        />
      </FormGroup>
      <ProblemAlert error={rename.error} title="It could not be renamed" />
      <ActionGroup>
        <Button type="submit" isDisabled={!isChanged} isLoading={rename.isPending}>
          Save
        </Button>
      </ActionGroup>
    </Form>
  );
}

function LeaveModal({ name, onClose }: { name: string; onClose: () => void }): ReactNode {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  const navigate = useNavigate();
  const leave = useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/organization/leave")),
    async onSuccess() {
      toasts.add({ title: `You left ${name}` });
      await navigate("/");
      // Nothing of it may show any more; the session goes on with another organisation, or with none.
      await queries.resetQueries();
    },
  });
  return (
    <ConfirmModal
      title={`Leave ${name}?`}
      confirmLabel="Leave"
      isDanger
      isPending={leave.isPending}
      error={leave.error}
      onConfirm={() => leave.mutate()}
      onClose={onClose}
    >
      You lose access at once. Your API tokens of this organisation stop working, and invitations from you are
      revoked. To come back you have to be invited again.
    </ConfirmModal>
  );
}

function Facts({ organization }: { organization: Schema<"Organization"> }): ReactNode {
  return (
    <DescriptionList isHorizontal>
      <DescriptionListGroup>
        <DescriptionListTerm>Name</DescriptionListTerm>
        <DescriptionListDescription>{organization.name}</DescriptionListDescription>
      </DescriptionListGroup>
      <DescriptionListGroup>
        <DescriptionListTerm>Identifier</DescriptionListTerm>
        <DescriptionListDescription>
          <CopyableId value={organization.id} />
        </DescriptionListDescription>
      </DescriptionListGroup>
      <DescriptionListGroup>
        <DescriptionListTerm>Created</DescriptionListTerm>
        <DescriptionListDescription>
          <TimeAgo at={organization.createdAt} />
        </DescriptionListDescription>
      </DescriptionListGroup>
    </DescriptionList>
  );
}

export function GeneralTab(): ReactNode {
  const api = useApi();
  const may = useMay("admin");
  const [isLeaving, setIsLeaving] = useState(false);
  const organization = useQuery({
    queryKey: ["organizations", "own"],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/organization", { signal })),
  });
  if (organization.isPending) return <PageLoading />;
  if (organization.isError) {
    return <ErrorState error={organization.error} onRetry={() => void organization.refetch()} />;
  }
  return (
    <Stack hasGutter>
      <StackItem>
        <Card>
          <CardTitle component="h2">Organisation</CardTitle>
          <CardBody>
            <Facts organization={organization.data} />
          </CardBody>
          {may && (
            <CardBody>
              <RenameForm key={organization.data.name} organization={organization.data} />
            </CardBody>
          )}
        </Card>
      </StackItem>
      <StackItem>
        <Card>
          <CardTitle component="h2">Commands</CardTitle>
          <CardBody>
            Off, nobody can run commands on devices of this organisation, whatever their agents allow. What
            runs goes on.
          </CardBody>
          <CardFooter>
            <CommandSwitch />
          </CardFooter>
        </Card>
      </StackItem>
      <StackItem>
        <Card>
          <CardTitle component="h2">Leave</CardTitle>
          <CardBody>The devices and everything else stay. An organisation always keeps an owner.</CardBody>
          <CardFooter>
            <Button variant="secondary" isDanger onClick={() => setIsLeaving(true)}>
              Leave the organisation
            </Button>
          </CardFooter>
        </Card>
      </StackItem>
      {isLeaving && <LeaveModal name={organization.data.name} onClose={() => setIsLeaving(false)} />}
    </Stack>
  );
}
