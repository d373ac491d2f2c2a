import { Button, EmptyState, EmptyStateBody, Label, PageSection } from "@patternfly/react-core";
import { BuildingIcon } from "@patternfly/react-icons/dist/esm/icons/building-icon";
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
import { CreateOrganizationModal } from "../organizations/create-organization-modal.tsx";
import { useSession } from "../session/session.ts";
import { SearchToolbar } from "./search-toolbar.tsx";

type Organization = Schema<"PlatformOrganization">;

interface Asked {
  organization: Organization;
  what: "suspend" | "resume" | "open";
}

const texts = {
  suspend: {
    verb: "Suspend",
    about: "Its devices are cut off within a second and refused. Its people may look, and change nothing.",
  },
  resume: { verb: "Resume", about: "Its devices come back by themselves, and its people may work again." },
  open: {
    verb: "Clear the allow-lists",
    about: "It can be worked with from every address again, by people and by API tokens.",
  },
} as const;

function OrganizationModal({ organization, what, onClose }: Asked & { onClose: () => void }): ReactNode {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  const { refresh } = useSession();
  const { verb, about } = texts[what];
  const path = { id: organization.id };
  const act = useMutation({
    async mutationFn() {
      if (what === "open") {
        await unwrap(api.POST("/api/v1/platform/organizations/{id}/allow-lists/clear", { params: { path } }));
        return;
      }
      const status = what === "suspend" ? ("suspended" as const) : ("active" as const);
      await unwrap(api.PATCH("/api/v1/platform/organizations/{id}", { params: { path }, body: { status } }));
    },
    async onSuccess() {
      toasts.add({ title: `${organization.name}: done` });
      onClose();
      await Promise.all([queries.invalidateQueries({ queryKey: ["platform-organizations"] }), refresh()]);
    },
  });
  return (
    <ConfirmModal
      title={`${verb}: ${organization.name}?`}
      confirmLabel={verb}
      isDanger={what === "suspend"}
      isPending={act.isPending}
      error={act.error}
      onConfirm={() => act.mutate()}
      onClose={onClose}
    >
      {about}
    </ConfirmModal>
  );
}

function actionsFor(organization: Organization, ask: (asked: Asked) => void) {
  const isActive = organization.status === "active";
  return [
    isActive
      ? { title: "Suspend", onClick: () => ask({ organization, what: "suspend" }) }
      : { title: "Resume", onClick: () => ask({ organization, what: "resume" }) },
    {
      title: "Clear the allow-lists",
      isDisabled: !organization.hasAllowLists,
      onClick: () => ask({ organization, what: "open" }),
    },
  ];
}

interface OrganizationsTableProps {
  organizations: Organization[];
  onAsk: (asked: Asked) => void;
}

function OrganizationsTable({ organizations, onAsk }: OrganizationsTableProps): ReactNode {
  return (
    <Table aria-label="Organisations" variant="compact">
      <Thead>
        <Tr>
          <Th>Name</Th>
          <Th>Status</Th>
          <Th>Members</Th>
          <Th>Devices</Th>
          <Th>Online</Th>
          <Th>Created</Th>
          <Th screenReaderText="Actions" />
        </Tr>
      </Thead>
      <Tbody>
        {organizations.map((organization) => (
          <Tr key={organization.id}>
            <Td dataLabel="Name" modifier="breakWord">
              <span>
                {organization.name}{" "}
                {organization.hasAllowLists && (
                  <Label isCompact color="purple">
                    allow-list
                  </Label>
                )}
              </span>
            </Td>
            <Td dataLabel="Status">
              <Label isCompact color={organization.status === "active" ? "green" : "orange"}>
                {organization.status}
              </Label>
            </Td>
            <Td dataLabel="Members">{organization.members.toLocaleString()}</Td>
            <Td dataLabel="Devices">{organization.devices.toLocaleString()}</Td>
            <Td dataLabel="Online">{organization.online.toLocaleString()}</Td>
            <Td dataLabel="Created">
              <TimeAgo at={organization.createdAt} />
            </Td>
            <Td isActionCell>
              <ActionsColumn items={actionsFor(organization, onAsk)} />
            </Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

const statuses = [
  { value: "active", label: "Active" },
  { value: "suspended", label: "Suspended" },
] as const;

export function OrganizationsPage(): ReactNode {
  const api = useApi();
  const [search] = useSearchParams();
  const [asked, setAsked] = useState<Asked>();
  const [isCreating, setIsCreating] = useState(false);
  const q = search.get("q") ?? "";
  const status = statuses.find(({ value }) => value === search.get("status"))?.value;
  const filter = { ...(q === "" ? {} : { q }), ...(status === undefined ? {} : { status }) };
  const organizations = usePages<Organization>(["platform-organizations", filter], (cursor, signal) => {
    const query = { ...filter, ...(cursor === undefined ? {} : { cursor }) };
    return unwrap(api.GET("/api/v1/platform/organizations", { params: { query }, signal }));
  });
  const empty = (
    <EmptyState titleText="No organisation matches" headingLevel="h2" icon={BuildingIcon}>
      <EmptyStateBody>Change or clear the filters to see more.</EmptyStateBody>
    </EmptyState>
  );
  return (
    <>
      <PageHeader title="Organisations" description="All tenants of this platform." />
      <PageSection>
        <SearchToolbar
          placeholder="Find by name"
          statuses={statuses}
          actions={<Button onClick={() => setIsCreating(true)}>New organisation</Button>}
        />
        <PagedList pages={organizations} empty={empty}>
          {(items) => <OrganizationsTable organizations={items} onAsk={setAsked} />}
        </PagedList>
      </PageSection>
      {asked && <OrganizationModal {...asked} onClose={() => setAsked(undefined)} />}
      {isCreating && <CreateOrganizationModal onClose={() => setIsCreating(false)} />}
    </>
  );
}
