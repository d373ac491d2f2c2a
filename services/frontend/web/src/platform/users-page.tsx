import { EmptyState, EmptyStateBody, Label, LabelGroup, PageSection } from "@patternfly/react-core";
import { UsersIcon } from "@patternfly/react-icons/dist/esm/icons/users-icon";
import { ActionsColumn, Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useSearchParams } from "react-router";
import { useApi } from "../api/api-context.ts";
import { unwrap, type Schema } from "../api/client.ts";
import { ConfirmModal } from "../components/confirm-modal.tsx";
import { PageHeader } from "../components/page-header.tsx";
import { PagedList } from "../components/paged-list.tsx";
import { TimeAgo } from "../components/time-ago.tsx";
import { useToasts } from "../components/toasts.ts";
import { usePages } from "../components/use-pages.ts";
import { useSession } from "../session/session.ts";
import { PasswordLinkModal, RemoveSecondFactorModal } from "./way-back-in.tsx";
import { SearchToolbar } from "./search-toolbar.tsx";

type User = Schema<"PlatformUser">;

const changes = {
  disable: {
    title: "Disable",
    body: { status: "disabled" },
    about:
      "Every session ends at once, and no API token of theirs is taken until the account is enabled again.",
  },
  enable: {
    title: "Enable",
    body: { status: "active" },
    about: "They can sign in again; their API tokens work again.",
  },
  promote: {
    title: "Make administrator",
    body: { isPlatformAdmin: true },
    about: "They may see and suspend all organisations, and disable people, you included.",
  },
  demote: {
    title: "Unmake administrator",
    body: { isPlatformAdmin: false },
    about: "They keep their organisations and roles.",
  },
} as const;

type Change = keyof typeof changes;

interface Asked {
  user: User;
  what: Change | "password" | "second-factor";
}

interface ChangeModalProps {
  user: User;
  what: Change;
  onClose: () => void;
}

function ChangeModal({ user, what, onClose }: ChangeModalProps): ReactNode {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  const { title, body, about } = changes[what];
  const change = useMutation({
    mutationFn: () =>
      unwrap(api.PATCH("/api/v1/platform/users/{id}", { params: { path: { id: user.id } }, body })),
    async onSuccess() {
      toasts.add({ title: `${user.username}: done` });
      onClose();
      await queries.invalidateQueries({ queryKey: ["platform-users"] });
    },
  });
  return (
    <ConfirmModal
      title={`${title}: ${user.username}?`}
      confirmLabel={title}
      isDanger={what === "disable"}
      isPending={change.isPending}
      error={change.error}
      onConfirm={() => change.mutate()}
      onClose={onClose}
    >
      {about}
    </ConfirmModal>
  );
}

function UserModal({ user, what, onClose }: Asked & { onClose: () => void }): ReactNode {
  if (what === "password") return <PasswordLinkModal user={user} onClose={onClose} />;
  if (what === "second-factor") return <RemoveSecondFactorModal user={user} onClose={onClose} />;
  return <ChangeModal user={user} what={what} onClose={onClose} />;
}

function actionsFor(user: User, ask: (asked: Asked) => void) {
  const whats: Change[] = [
    user.isPlatformAdmin ? "demote" : "promote",
    user.status === "active" ? "disable" : "enable",
  ];
  const wayBackIn = [
    {
      title: "Make a password link",
      isDisabled: user.status !== "active",
      onClick: () => ask({ user, what: "password" }),
    },
    {
      title: "Turn off second factor",
      isDisabled: !user.hasSecondFactor,
      onClick: () => ask({ user, what: "second-factor" }),
    },
  ];
  const rest = whats.map((what) => ({
    title: changes[what].title,
    isDanger: what === "disable",
    onClick: () => ask({ user, what }),
  }));
  return [...wayBackIn, ...rest];
}

function UserNames({ user }: { user: User }): ReactNode {
  return (
    <span>
      {user.username}{" "}
      {user.isPlatformAdmin && (
        <Label isCompact color="purple">
          administrator
        </Label>
      )}{" "}
      {user.status === "disabled" && (
        <Label isCompact color="orange">
          disabled
        </Label>
      )}
    </span>
  );
}

function UsersTable({ users, onAsk }: { users: User[]; onAsk: (asked: Asked) => void }): ReactNode {
  const { account } = useSession();
  return (
    <Table aria-label="Users" variant="compact">
      <Thead>
        <Tr>
          <Th>User name</Th>
          <Th>E-mail</Th>
          <Th>Second factor</Th>
          <Th>Organisations</Th>
          <Th>Created</Th>
          <Th screenReaderText="Actions" />
        </Tr>
      </Thead>
      <Tbody>
        {users.map((user) => (
          <Tr key={user.id}>
            <Td dataLabel="User name" modifier="breakWord">
              <UserNames user={user} />
            </Td>
            <Td dataLabel="E-mail" modifier="breakWord">
              {user.email}
            </Td>
            <Td dataLabel="Second factor">{user.hasSecondFactor ? "yes" : "no"}</Td>
            <Td dataLabel="Organisations">
              {user.memberships.length === 0 ? (
                <span className="rciots-muted">none</span>
              ) : (
                <LabelGroup numLabels={3} aria-label="Organisations">
                  {user.memberships.map(({ organizationId, name, role }) => (
                    <Label key={organizationId} isCompact>{`${name}: ${role}`}</Label>
                  ))}
                </LabelGroup>
              )}
            </Td>
            <Td dataLabel="Created">
              <TimeAgo at={user.createdAt} />
            </Td>
            <Td isActionCell>
              <ActionsColumn isDisabled={user.id === account.id} items={actionsFor(user, onAsk)} />
            </Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

const statuses = [
  { value: "active", label: "Active" },
  { value: "disabled", label: "Disabled" },
] as const;

export function UsersPage(): ReactNode {
  const api = useApi();
  const [search] = useSearchParams();
  const [asked, setAsked] = useState<Asked>();
  const q = search.get("q") ?? "";
  const status = statuses.find(({ value }) => value === search.get("status"))?.value;
  const filter = { ...(q === "" ? {} : { q }), ...(status === undefined ? {} : { status }) };
  const users = usePages<User>(["platform-users", filter], (cursor, signal) => {
    const query = { ...filter, ...(cursor === undefined ? {} : { cursor }) };
    return unwrap(api.GET("/api/v1/platform/users", { params: { query }, signal }));
  });
  const empty = (
    <EmptyState titleText="Nobody matches" headingLevel="h2" icon={UsersIcon}>
      <EmptyStateBody>Change or clear the filters to see more.</EmptyStateBody>
    </EmptyState>
  );
  return (
    <>
      <PageHeader title="Users" description="Everybody who has an account on this platform." />
      <PageSection>
        <SearchToolbar placeholder="Find by name or e-mail" statuses={statuses} />
        <PagedList pages={users} empty={empty}>
          {(items) => <UsersTable users={items} onAsk={setAsked} />}
        </PagedList>
      </PageSection>
      {asked && <UserModal {...asked} onClose={() => setAsked(undefined)} />}
    </>
  );
}
