import { ActionsColumn, Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { Skeleton } from "@patternfly/react-core";
import { useState, type ReactNode } from "react";
import { Link, useNavigate } from "react-router";
import { TimeAgo } from "../components/time-ago.tsx";
import { useMay } from "../session/session.ts";
import { DeleteTemplateModal } from "./delete-template-modal.tsx";
import { HealthBar } from "./health-bar.tsx";
import { shortCommit, SyncStatus } from "./sync-status.tsx";
import { useTemplateUsage, type Template, type TemplateUsage } from "./template-queries.ts";
import { countOf } from "./usage-health.ts";

function SourceCell({ source }: Pick<Template, "source">): ReactNode {
  if (source.kind === "inline") return "Inline files";
  const path = source.path === "." ? "" : `, ${source.path}`;
  return (
    <>
      <span className="rciots-breakable">{source.url}</span>
      <div className="rciots-muted">{`${source.ref === "" ? "default branch" : source.ref}${path}`}</div>
    </>
  );
}

function UsageCell({
  usage,
  isPending,
}: {
  usage: TemplateUsage | undefined;
  isPending: boolean;
}): ReactNode {
  if (usage === undefined) return isPending ? <Skeleton width="6rem" /> : null;
  return (
    <>
      {countOf(usage.deviceCount, "device")}
      <HealthBar byState={usage.byState} />
    </>
  );
}

/** The templates of a list, with the devices that run them. */
export function TemplatesTable({ templates }: { templates: readonly Template[] }): ReactNode {
  const usage = useTemplateUsage(templates.map(({ id }) => id));
  const may = useMay("operator");
  const navigate = useNavigate();
  const [deleting, setDeleting] = useState<Template | null>(null);
  const actionsOf = (template: Template) => [
    ...(template.source.kind === "inline"
      ? [{ title: "Edit files", onClick: () => void navigate(`/templates/${template.id}/edit`) }]
      : []),
    { title: "Versions", onClick: () => void navigate(`/templates/${template.id}?tab=versions`) },
    { isSeparator: true },
    { title: "Delete", isDanger: true, onClick: () => setDeleting(template) },
  ];
  return (
    <>
      <Table aria-label="Templates" variant="compact">
        <Thead>
          <Tr>
            <Th>Name</Th>
            <Th>Source</Th>
            <Th>State</Th>
            <Th>Devices</Th>
            <Th>Changed</Th>
            {may && <Th screenReaderText="Actions" />}
          </Tr>
        </Thead>
        <Tbody>
          {templates.map((template) => (
            <Tr key={template.id}>
              <Td dataLabel="Name" modifier="breakWord">
                <Link to={`/templates/${template.id}`}>{template.name}</Link>
                {template.description !== "" && (
                  <div className="rciots-muted rciots-one-line">{template.description}</div>
                )}
              </Td>
              <Td dataLabel="Source">
                <SourceCell source={template.source} />
              </Td>
              <Td dataLabel="State">
                <SyncStatus template={template} />
                {template.sync.commit !== null && (
                  <div className="rciots-muted">{shortCommit(template.sync.commit)}</div>
                )}
              </Td>
              <Td dataLabel="Devices">
                <UsageCell usage={usage.data?.get(template.id)} isPending={usage.isPending} />
              </Td>
              <Td dataLabel="Changed">
                <TimeAgo at={template.updatedAt} />
              </Td>
              {may && (
                <Td isActionCell>
                  <ActionsColumn items={actionsOf(template)} />
                </Td>
              )}
            </Tr>
          ))}
        </Tbody>
      </Table>
      {deleting !== null && <DeleteTemplateModal template={deleting} onClose={() => setDeleting(null)} />}
    </>
  );
}
