import { Form, FormGroup, PageSection, ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useCallback, useRef, useState, type ReactNode } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { PageHeader } from "../components/page-header.tsx";
import { useToasts } from "../components/toasts.ts";
import { UnsavedGuard } from "../components/unsaved-guard.tsx";
import { CreateFromGit } from "./create-from-git.tsx";
import { CreateInline } from "./create-inline.tsx";
import { NameFields, type TemplateNames } from "./name-fields.tsx";
import "./templates.css";

export interface NewTemplate {
  name: string;
  description: string;
  files?: { path: string; content: string }[];
  root?: string;
  git?: { url: string; ref: string; path: string; credentialId: string | null; pollIntervalMs: number };
}

function useCreate(onCreated: () => void) {
  const api = useApi();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const toasts = useToasts();
  return useMutation({
    mutationFn: (body: NewTemplate) => unwrap(api.POST("/api/v1/templates", { body })),
    async onSuccess(template) {
      onCreated();
      toasts.add({ title: `Template ${template.name} was created` });
      await queries.invalidateQueries({ queryKey: ["templates", "list"] });
      await navigate(`/templates/${template.id}`);
    },
  });
}

/** A new template, of files that are written or uploaded here, or from Git. */
export function CreateTemplatePage(): ReactNode {
  const [search, setSearch] = useSearchParams();
  const isGit = search.get("source") === "git";
  const [names, setNames] = useState<TemplateNames>({ name: "", description: "" });
  const isDirty = useRef(false);
  const readDirty = useCallback(() => isDirty.current, []);
  const noteDirty = useCallback((dirty: boolean) => void (isDirty.current = dirty), []);
  const create = useCreate(() => noteDirty(false));
  const choose = (source: "inline" | "git"): void => {
    create.reset();
    setSearch(source === "git" ? { source } : {}, { replace: true });
  };
  const shared = { names, create, noteDirty };
  return (
    <>
      <PageHeader title="Create template" breadcrumb={[{ label: "Templates", to: "/templates" }]} />
      <PageSection>
        <div className="rciots-stack">
          <Form className="rciots-form-wide" onSubmit={(event) => event.preventDefault()}>
            <NameFields names={names} onChange={setNames} />
            <FormGroup label="Source" role="group">
              <ToggleGroup aria-label="Source">
                <ToggleGroupItem
                  text="Files written here"
                  buttonId="source-inline"
                  isSelected={!isGit}
                  onChange={() => choose("inline")}
                />
                <ToggleGroupItem
                  text="Git repository"
                  buttonId="source-git"
                  isSelected={isGit}
                  onChange={() => choose("git")}
                />
              </ToggleGroup>
            </FormGroup>
          </Form>
          {isGit ? <CreateFromGit {...shared} /> : <CreateInline {...shared} />}
        </div>
      </PageSection>
      <UnsavedGuard isDirty={readDirty} what="The files and settings of the new template" />
    </>
  );
}

export type CreateMutation = ReturnType<typeof useCreate>;
