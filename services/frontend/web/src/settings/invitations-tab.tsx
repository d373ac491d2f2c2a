import {
  Button,
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
  Label,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from "@patternfly/react-core";
import { EnvelopeIcon } from "@patternfly/react-icons/dist/esm/icons/envelope-icon";
import { ActionsColumn, Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useSearchParams } from "react-router";
import { useApi } from "../api/api-context.ts";
import { unwrap, type Schema } from "../api/client.ts";
import { ConfirmModal } from "../components/confirm-modal.tsx";
import { PagedList } from "../components/paged-list.tsx";
import { TimeAgo } from "../components/time-ago.tsx";
import { useToasts } from "../components/toasts.ts";
import { usePages } from "../components/use-pages.ts";
import { useMay, useSession } from "../session/session.ts";
import { InviteModal, LinkModal, type Offered } from "./invite-modal.tsx";
import { mayReach } from "./roles.ts";

type Invitation = Schema<"Invitation">;

function RevokeModal({ invitation, onClose }: { invitation: Invitation; onClose: () => void }): ReactNode {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  const revoke = useMutation({
    mutationFn: () =>
      unwrap(api.DELETE("/api/v1/invitations/{id}", { params: { path: { id: invitation.id } } })),
    async onSuccess() {
      toasts.add({ title: `The invitation of ${invitation.email} was revoked` });
      onClose();
      await queries.invalidateQueries({ queryKey: ["invitations"] });
    },
  });
  return (
    <ConfirmModal
      title={`Revoke the invitation of ${invitation.email}?`}
      confirmLabel="Revoke"
      isDanger
      isPending={revoke.isPending}
      error={revoke.error}
      onConfirm={() => revoke.mutate()}
      onClose={onClose}
    >
      The link stops working at once.
    </ConfirmModal>
  );
}

interface InvitationsTableProps {
  invitations: Invitation[];
  onResend: (invitation: Invitation) => void;
  onRevoke: (invitation: Invitation) => void;
}

function InvitationsTable({ invitations, onResend, onRevoke }: InvitationsTableProps): ReactNode {
  const { account } = useSession();
  const may = useMay("admin");
  return (
    <Table aria-label="Invitations" variant="compact">
      <Thead>
        <Tr>
          <Th>E-mail</Th>
          <Th>Role</Th>
          <Th>Status</Th>
          <Th>Invited by</Th>
          <Th>Mailed</Th>
          <Th>Expires</Th>
          {may && <Th screenReaderText="Actions" />}
        </Tr>
      </Thead>
      <Tbody>
        {invitations.map((invitation) => (
          <Tr key={invitation.id}>
            <Td dataLabel="E-mail" modifier="breakWord">
              {invitation.email}
            </Td>
            <Td dataLabel="Role">{invitation.role}</Td>
            <Td dataLabel="Status">
              <Label isCompact color={invitation.status === "pending" ? "blue" : "grey"}>
                {invitation.status}
              </Label>
            </Td>
            <Td dataLabel="Invited by">{invitation.invitedBy.name}</Td>
            <Td dataLabel="Mailed">
              <TimeAgo at={invitation.sentAt} never="handed over" />
            </Td>
            <Td dataLabel="Expires">
              <TimeAgo at={invitation.expiresAt} />
            </Td>
            {may && (
              <Td isActionCell>
                <ActionsColumn
                  isDisabled={!mayReach(account.role, invitation.role)}
                  items={[
                    { title: "Send again, with a new link", onClick: () => onResend(invitation) },
                    { isSeparator: true },
                    { title: "Revoke", isDanger: true, onClick: () => onRevoke(invitation) },
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

function NoInvitations({ onInvite }: { onInvite: () => void }): ReactNode {
  const may = useMay("admin");
  return (
    <EmptyState titleText="No open invitations" headingLevel="h2" icon={EnvelopeIcon}>
      <EmptyStateBody>People you invite by e-mail are listed here until they have joined.</EmptyStateBody>
      {may && (
        <EmptyStateFooter>
          <EmptyStateActions>
            <Button onClick={onInvite}>Invite people</Button>
          </EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  );
}

/** Sends an invitation again; `onOffered` gets the link where it was not mailed. */
function useResend(onOffered: (offered: Offered) => void): (invitation: Invitation) => void {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  const resend = useMutation({
    mutationFn: ({ id }: Invitation) =>
      unwrap(api.POST("/api/v1/invitations/{id}/resend", { params: { path: { id } } })),
    async onSuccess(offer) {
      onOffered(offer);
      await queries.invalidateQueries({ queryKey: ["invitations"] });
    },
    onError: (error) => toasts.addError("The invitation could not be sent", error),
  });
  return (invitation) => resend.mutate(invitation);
}

export function InvitationsTab(): ReactNode {
  const api = useApi();
  const may = useMay("admin");
  const toasts = useToasts();
  const [search, setSearch] = useSearchParams();
  const [offered, setOffered] = useState<Offered>();
  const [revoking, setRevoking] = useState<Invitation>();
  const invitations = usePages<Invitation>(["invitations"], (cursor, signal) => {
    const query = { limit: 100, ...(cursor === undefined ? {} : { cursor }) };
    return unwrap(api.GET("/api/v1/invitations", { params: { query }, signal }));
  });
  const tell = (offer: Offered): void => {
    if (offer.link === null) toasts.add({ title: `An invitation was mailed to ${offer.email}` });
    else setOffered(offer);
  };
  const resend = useResend(tell);
  const show = (isInviting: boolean): void =>
    setSearch(isInviting ? { invite: "true" } : {}, { replace: true });
  return (
    <>
      {may && invitations.items.length > 0 && (
        <Toolbar>
          <ToolbarContent>
            <ToolbarItem>
              <Button onClick={() => show(true)}>Invite people</Button>
            </ToolbarItem>
          </ToolbarContent>
        </Toolbar>
      )}
      <PagedList pages={invitations} empty={<NoInvitations onInvite={() => show(true)} />}>
        {(items) => <InvitationsTable invitations={items} onResend={resend} onRevoke={setRevoking} />}
      </PagedList>
      {may && search.get("invite") === "true" && <InviteModal onOffered={tell} onClose={() => show(false)} />}
      {revoking && <RevokeModal invitation={revoking} onClose={() => setRevoking(undefined)} />}
      {offered?.link !== undefined && offered.link !== null && (
        <LinkModal email={offered.email} link={offered.link} onClose={() => setOffered(undefined)} />
      )}
    </>
  );
}
