import { Button, PageSection } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { ErrorState } from "../components/error-state.tsx";
import { PageHeader } from "../components/page-header.tsx";
import { PageLoading } from "../components/page-loading.tsx";
import type { Script } from "../commands/command-draft.ts";
import { useMay } from "../session/session.ts";
import { emptyScript, ScriptForm } from "./script-form.tsx";
import { useCreateScript, useSaveScript, useScript } from "./script-queries.ts";

const breadcrumb = [{ label: "Scripts", to: "/scripts" }];

export function NewScriptPage(): ReactNode {
  const navigate = useNavigate();
  const create = useCreateScript(({ id }) => void navigate(`/scripts/${id}`));
  return (
    <>
      <PageHeader
        title="New script"
        breadcrumb={breadcrumb}
        description="Kept in the organisation, to be run on devices again and again."
      />
      <PageSection>
        <ScriptForm
          initial={emptyScript}
          submitLabel="Save"
          isPending={create.isPending}
          error={create.error}
          onSubmit={(draft) => create.mutate(draft)}
        />
      </PageSection>
    </>
  );
}

function Editor({ script }: { script: Script }): ReactNode {
  const may = useMay("operator");
  const save = useSaveScript(script);
  const { name, description, interpreter, text, parameters, timeoutMs } = script;
  return (
    <ScriptForm
      initial={{ name, description, interpreter, text, parameters, timeoutMs }}
      submitLabel="Save"
      isPending={save.isPending}
      error={save.error}
      {...(may ? { onSubmit: (draft) => save.mutate(draft) } : {})}
    />
  );
}

/** One saved script, to be read, changed and run. */
export function ScriptPage(): ReactNode {
  const { id = "" } = useParams();
  const may = useMay("operator");
  const found = useScript(id);
  if (found.isPending) return <PageLoading label="Loading the script" />;
  if (found.data === undefined) {
    return (
      <PageSection>
        <ErrorState error={found.error} onRetry={() => void found.refetch()} />
      </PageSection>
    );
  }
  const script = found.data;
  return (
    <>
      <PageHeader
        title={script.name}
        breadcrumb={breadcrumb}
        {...(may
          ? {
              actions: (
                <Button component={(props) => <Link {...props} to={`/commands/new?script=${id}`} />}>
                  Run
                </Button>
              ),
            }
          : {})}
      />
      <PageSection>
        <Editor key={script.version} script={script} />
      </PageSection>
    </>
  );
}
