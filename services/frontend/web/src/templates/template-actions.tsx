import {
  Button,
  Dropdown,
  DropdownItem,
  DropdownList,
  Flex,
  FlexItem,
  MenuToggle,
} from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { Link, useNavigate } from "react-router";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { useToasts } from "../components/toasts.ts";
import { useMay } from "../session/session.ts";
import { DeleteTemplateModal } from "./delete-template-modal.tsx";
import { DetailsModal } from "./details-modal.tsx";
import { GitSourceModal } from "./git-source-modal.tsx";
import { shortCommit } from "./sync-status.tsx";
import type { Template } from "./template-queries.ts";

function LookNow({ template }: { template: Template }): ReactNode {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  const look = useMutation({
    mutationFn: () =>
      unwrap(api.POST("/api/v1/templates/{id}/refresh", { params: { path: { id: template.id } } })),
    onSuccess({ sync, versionCount }) {
      const isNew = versionCount > template.versionCount;
      const commit = shortCommit(sync.commit ?? "");
      toasts.add({ title: isNew ? `New version from commit ${commit}` : `Nothing new: still at ${commit}` });
    },
    onError: (error) => toasts.addError("The repository could not be read", error),
    // How it went is stored with the template, whichever way.
    onSettled: () => queries.invalidateQueries({ queryKey: ["templates"] }),
  });
  return (
    <Button
      variant="primary"
      isLoading={look.isPending}
      isDisabled={look.isPending}
      onClick={() => look.mutate()}
    >
      Look for changes now
    </Button>
  );
}

type Dialog = "details" | "git" | "delete" | null;

function Dialogs(props: { template: Template; dialog: Dialog; onClose: () => void }): ReactNode {
  const { template, dialog, onClose } = props;
  const navigate = useNavigate();
  if (dialog === "details") return <DetailsModal template={template} onClose={onClose} />;
  if (dialog === "git" && template.source.kind === "git") {
    return <GitSourceModal template={template} source={template.source} onClose={onClose} />;
  }
  if (dialog !== "delete") return null;
  return (
    <DeleteTemplateModal
      template={template}
      onClose={onClose}
      onDeleted={() => void navigate("/templates")}
    />
  );
}

/** What can be done with a template, for those who may. */
export function TemplateActions({ template }: { template: Template }): ReactNode {
  const [isOpen, setIsOpen] = useState(false);
  const [dialog, setDialog] = useState<Dialog>(null);
  const may = useMay("operator");
  if (!may) return null;
  return (
    <Flex gap={{ default: "gapSm" }} flexWrap={{ default: "nowrap" }}>
      <FlexItem>
        {template.source.kind === "git" ? (
          <LookNow template={template} />
        ) : (
          <Button component={(props) => <Link {...props} to={`/templates/${template.id}/edit`} />}>
            Edit files
          </Button>
        )}
      </FlexItem>
      <FlexItem>
        <Dropdown
          isOpen={isOpen}
          onOpenChange={setIsOpen}
          popperProps={{ position: "right" }}
          onSelect={(_event, value) => {
            setIsOpen(false);
            setDialog(value as Dialog);
          }}
          toggle={(ref) => (
            <MenuToggle ref={ref} isExpanded={isOpen} onClick={() => setIsOpen(!isOpen)}>
              Actions
            </MenuToggle>
          )}
        >
          <DropdownList>
            <DropdownItem value="details">Edit name and description</DropdownItem>
            {template.source.kind === "git" && <DropdownItem value="git">Edit the Git source</DropdownItem>}
            <DropdownItem value="delete" isDanger>
              Delete
            </DropdownItem>
          </DropdownList>
        </Dropdown>
      </FlexItem>
      <Dialogs template={template} dialog={dialog} onClose={() => setDialog(null)} />
    </Flex>
  );
}
