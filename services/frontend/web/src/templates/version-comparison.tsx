import { Button, Title, ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import { useMemo, type ReactNode } from "react";
import { Link, useSearchParams } from "react-router";
import { DiffView } from "../components/diff-view/diff-view.tsx";
import { ErrorState } from "../components/error-state.tsx";
import { PageLoading } from "../components/page-loading.tsx";
import { ChangedFiles } from "./changed-files.tsx";
import { changesBetween, type FileChange } from "./files/draft-files.ts";
import { isYaml } from "./files/file-path.ts";
import {
  useVersionFile,
  useVersionFiles,
  useVersionRendering,
  useVersions,
  type Template,
} from "./template-queries.ts";

interface Compared {
  template: Template;
  /** Identifiers of versions. */
  before: string;
  after: string;
}

function useLabels({ template, before, after }: Compared): { beforeLabel: string; afterLabel: string } {
  const versions = useVersions(template.id).data?.pages.flatMap(({ items }) => items) ?? [];
  const labelOf = (id: string, fallback: string): string => {
    const number = versions.find((version) => version.id === id)?.number;
    return number === undefined ? fallback : `Version ${number}`;
  };
  return { beforeLabel: labelOf(before, "Before"), afterLabel: labelOf(after, "After") };
}

function FileDiff({ compared, change }: { compared: Compared; change: FileChange }): ReactNode {
  const { template, before, after } = compared;
  const labels = useLabels(compared);
  const { path, kind } = change;
  const old = useVersionFile(template.id, before, kind === "added" ? null : path);
  const now = useVersionFile(template.id, after, kind === "removed" ? null : path);
  const error = old.error ?? now.error;
  if (error !== null) return <ErrorState error={error} />;
  if (old.isLoading || now.isLoading) return <PageLoading label={`Loading ${path}`} />;
  return (
    <DiffView
      {...labels}
      before={old.data?.content ?? ""}
      after={now.data?.content ?? ""}
      language={isYaml(path) ? "yaml" : "text"}
    />
  );
}

function FilesComparison(compared: Compared): ReactNode {
  const { template, before, after } = compared;
  const old = useVersionFiles(template.id, before);
  const now = useVersionFiles(template.id, after);
  const changes = useMemo(() => {
    const hashes = (items: readonly { path: string; sha256: string }[] = []) =>
      new Map(items.map(({ path, sha256 }) => [path, sha256]));
    return changesBetween(hashes(old.data?.items), hashes(now.data?.items));
  }, [old.data, now.data]);
  const error = old.error ?? now.error;
  if (error !== null) return <ErrorState error={error} />;
  if (old.isPending || now.isPending) return <PageLoading label="Loading the files" />;
  return (
    <ChangedFiles changes={changes}>
      {(change) => <FileDiff compared={compared} change={change} />}
    </ChangedFiles>
  );
}

function RenderedComparison(compared: Compared): ReactNode {
  const { template, before, after } = compared;
  const labels = useLabels(compared);
  const old = useVersionRendering(template.id, before);
  const now = useVersionRendering(template.id, after);
  const error = old.error ?? now.error;
  if (error !== null) return <ErrorState error={error} />;
  if (old.data === undefined || now.data === undefined) return <PageLoading label="Loading the objects" />;
  return <DiffView {...labels} before={old.data.yaml} after={now.data.yaml} />;
}

/** Two versions compared, by their files or by what kustomize made of them. */
export function VersionComparison(compared: Compared): ReactNode {
  const [search, setSearch] = useSearchParams();
  const { beforeLabel, afterLabel } = useLabels(compared);
  const isRendered = search.get("show") !== "files";
  const show = (what: "rendered" | "files"): void => {
    const next = new URLSearchParams(search);
    next.set("show", what);
    setSearch(next, { replace: true });
  };
  return (
    <div className="rciots-stack">
      <Button variant="link" isInline component={(props) => <Link {...props} to="?tab=versions" />}>
        All versions
      </Button>
      <Title headingLevel="h2">{`${beforeLabel} and ${afterLabel}`}</Title>
      <ToggleGroup aria-label="What is compared">
        <ToggleGroupItem
          text="Rendered objects"
          buttonId="compare-rendered"
          isSelected={isRendered}
          onChange={() => show("rendered")}
        />
        <ToggleGroupItem
          text="Files"
          buttonId="compare-files"
          isSelected={!isRendered}
          onChange={() => show("files")}
        />
      </ToggleGroup>
      {isRendered ? <RenderedComparison {...compared} /> : <FilesComparison {...compared} />}
    </div>
  );
}
