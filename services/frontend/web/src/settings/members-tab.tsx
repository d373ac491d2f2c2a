import { Button, FormGroup, Label, Toolbar, ToolbarContent, ToolbarItem } from "@patternfly/react-core";
import { ActionsColumn, Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useNavigate } from "react-router";
import { useApi } from "../api/api-context.ts";
import { unwrap, type Schema } from "../api/client.ts";
import { ChoiceField } from "../components/choice-field.tsx";
import { ConfirmModal } from "../components/confirm-modal.tsx";
import { FormModal } from "../components/form-modal.tsx";
import { PagedList } from "../components/paged-list.tsx";
import { TimeAgo } from "../components/time-ago.tsx";
import { useToasts } from "../components/toasts.ts";
import { usePages } from "../components/use-pages.ts";
import { useMay, useSession } from "../session/session.ts";
import { mayReach, rolesUpTo } from "./roles.ts";

type Member = Schema<"Member">;

interface MemberModalProps {
  member: Member;
  onClose: () => void;
}

function useRefreshMembers(): () => Promise<unknown> {
  const queries = useQueryClient();
  const { refresh } = useSession();
  return () => Promise.all([queries.invalidateQueries({ queryKey: ["members"] }), refresh()]);
}

function RoleModal({ member, onClose }: MemberModalProps): ReactNode {
  const api = useApi();
  const toasts = useToasts();
  const refreshMembers = useRefreshMembers();
  const { account } = useSession();
  const [role, setRole] = useState(member.role);
  const change = useMutation({
    mutationFn: () =>
      unwrap(api.PATCH("/api/v1/members/{id}", { params: { path: { id: member.id } }, body: { role } })),
    async onSuccess() {
      toasts.add({ title: `${member.username} is ${role} now` });
      onClose();
      await refreshMembers();
    },
  });
  return (
    <FormModal
      title={`Role of ${member.username}`}
      submitLabel="Change"
      isReady={role !== member.role}
      isPending={change.isPending}
      error={change.error}
      onSubmit={() => change.mutate()}
      onClose={onClose}
    >
      <FormGroup label="Role" fieldId="member-role">
        <ChoiceField id="member-role" value={role} choices={rolesUpTo(account.role)} onChange={setRole} />
      </FormGroup>
    </FormModal>
  );
}

function RemoveModal({ member, onClose }: MemberModalProps): ReactNode {
  const api = useApi();
  const toasts = useToasts();
  const refreshMembers = useRefreshMembers();
  const remove = useMutation({
    mutationFn: () => unwrap(api.DELETE("/api/v1/members/{id}", { params: { path: { id: member.id } } })),
    async onSuccess() {
      toasts.add({ title: `${member.username} was removed` });
      onClose();
      await refreshMembers();
    },
  });
  return (
    <ConfirmModal
      title={`Remove ${member.username}?`}
      confirmLabel="Remove"
      isDanger
      isPending={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate()}
      onClose={onClose}
    >
      {`${member.username} loses access to this organisation at once. API tokens of this membership stop working, and ` +
        "invitations from this person are revoked. The account itself stays."}
    </ConfirmModal>
  );
}

interface MembersTableProps {
  members: Member[];
  onChangeRole: (member: Member) => void;
  onRemove: (member: Member) => void;
}

function MembersTable({ members, onChangeRole, onRemove }: MembersTableProps): ReactNode {
  const { account } = useSession();
  const may = useMay("admin");
  return (
    <Table aria-label="Members" variant="compact">
      <Thead>
        <Tr>
          <Th>User name</Th>
          <Th>E-mail</Th>
          <Th>Role</Th>
          {may && <Th>Second factor</Th>}
          <Th>Account made</Th>
          {may && <Th screenReaderText="Actions" />}
        </Tr>
      </Thead>
      <Tbody>
        {members.map((member) => (
          <Tr key={member.id}>
            <Td dataLabel="User name" modifier="breakWord">
              <span>
                {member.username} {member.id === account.id && <Label isCompact>you</Label>}{" "}
                {member.status === "disabled" && (
                  <Label isCompact color="orange">
                    disabled
                  </Label>
                )}
              </span>
            </Td>
            <Td dataLabel="E-mail" modifier="breakWord">
              {member.email}
            </Td>
            <Td dataLabel="Role">{member.role}</Td>
            {may && <Td dataLabel="Second factor">{member.secondFactor === true ? "yes" : "no"}</Td>}
            <Td dataLabel="Account made">
              <TimeAgo at={member.createdAt} />
            </Td>
            {may && (
              <Td isActionCell>
                <ActionsColumn
                  isDisabled={!mayReach(account.role, member.role)}
                  items={[
                    { title: "Change role", onClick: () => onChangeRole(member) },
                    { isSeparator: true },
                    { title: "Remove", isDanger: true, onClick: () => onRemove(member) },
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

export function MembersTab(): ReactNode {
  const api = useApi();
  const may = useMay("admin");
  const navigate = useNavigate();
  const [changing, setChanging] = useState<Member>();
  const [removing, setRemoving] = useState<Member>();
  const members = usePages<Member>(["members"], (cursor, signal) => {
    const query = { limit: 100, ...(cursor === undefined ? {} : { cursor }) };
    return unwrap(api.GET("/api/v1/members", { params: { query }, signal }));
  });
  return (
    <>
      {may && (
        <Toolbar>
          <ToolbarContent>
            <ToolbarItem>
              <Button onClick={() => void navigate("/settings/invitations?invite=true")}>
                Invite people
              </Button>
            </ToolbarItem>
          </ToolbarContent>
        </Toolbar>
      )}
      <PagedList pages={members} empty={null}>
        {(items) => <MembersTable members={items} onChangeRole={setChanging} onRemove={setRemoving} />}
      </PagedList>
      {changing && <RoleModal member={changing} onClose={() => setChanging(undefined)} />}
      {removing && <RemoveModal member={removing} onClose={() => setRemoving(undefined)} />}
    </>
  );
}
