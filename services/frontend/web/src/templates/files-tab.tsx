import { Toolbar, ToolbarContent, ToolbarItem } from "@patternfly/react-core";
import { useMemo, type ReactNode } from "react";
import { useSearchParams } from "react-router";
import { CodeEditor } from "../components/code-editor/code-editor.tsx";
import { ErrorState } from "../components/error-state.tsx";
import { PageLoading } from "../components/page-loading.tsx";
import { firstFile, formatBytes, isYaml } from "./files/file-path.ts";
import { FileTreeView } from "./files/file-tree-view.tsx";
import { useVersionFile, useVersionFiles, type Template } from "./template-queries.ts";
import { useShownVersion, VersionSelect } from "./version-select.tsx";

interface ShownFileProps {
  template: Template;
  versionId: string;
  path: string;
}

function ShownFile({ template, versionId, path }: ShownFileProps): ReactNode {
  const file = useVersionFile(template.id, versionId, path);
  if (file.isPending) return <PageLoading label={`Loading ${path}`} />;
  if (file.data === undefined) return <ErrorState error={file.error} onRetry={() => void file.refetch()} />;
  return (
    <CodeEditor
      key={`${versionId} ${path}`}
      label={path}
      value={file.data.content}
      language={isYaml(path) ? "yaml" : "text"}
      height="fill"
    />
  );
}

/** The files of a version, read one by one. */
export function FilesTab({ template }: { template: Template }): ReactNode {
  const versionId = useShownVersion(template);
  const [search, setSearch] = useSearchParams();
  const files = useVersionFiles(template.id, versionId);
  const items = useMemo(() => files.data?.items ?? [], [files.data]);
  const paths = useMemo(() => items.map(({ path }) => path), [items]);
  const wanted = search.get("file") ?? "";
  const shown = paths.includes(wanted) ? wanted : firstFile(paths);
  const choose = (path: string): void => {
    const next = new URLSearchParams(search);
    next.set("file", path);
    setSearch(next, { replace: true });
  };
  const totalBytes = items.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return (
    <>
      <Toolbar>
        <ToolbarContent>
          <ToolbarItem>
            <VersionSelect template={template} />
          </ToolbarItem>
        </ToolbarContent>
      </Toolbar>
      {files.isPending && <PageLoading label="Loading the files" />}
      {files.isError && <ErrorState error={files.error} onRetry={() => void files.refetch()} />}
      {files.isSuccess && versionId !== null && (
        <div className="rciots-files">
          <div className="rciots-files-side">
            <FileTreeView
              paths={paths}
              selected={shown}
              onSelect={({ kind, path }) => {
                if (kind === "file") choose(path);
              }}
            />
            <p className="rciots-files-size">
              {items.length} files, {formatBytes(totalBytes)}
            </p>
          </div>
          <div className="rciots-files-main">
            {shown !== null && <ShownFile template={template} versionId={versionId} path={shown} />}
          </div>
        </div>
      )}
    </>
  );
}
