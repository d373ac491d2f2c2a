import {
  Button,
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
} from "@patternfly/react-core";
import { CodeIcon } from "@patternfly/react-icons/dist/esm/icons/code-icon";
import { useMemo, useState, type DragEvent, type ReactNode } from "react";
import { CodeEditor } from "../../components/code-editor/code-editor.tsx";
import { ConfirmModal } from "../../components/confirm-modal.tsx";
import { useToasts } from "../../components/toasts.ts";
import { renameFault } from "./draft-files.ts";
import { droppedFiles } from "./dropped-files.ts";
import { countByFile, marksOf, type FileFault } from "./faults.ts";
import { FileNameModal } from "./file-name-modal.tsx";
import { clashFault, fileLimits, folderOf, formatBytes, isYaml, joinPath } from "./file-path.ts";
import { FileToolbar } from "./file-toolbar.tsx";
import { FileTreeView } from "./file-tree-view.tsx";
import { countOf } from "../usage-health.ts";
import { starterFiles } from "./starter-files.ts";
import type { UploadedFile } from "./upload.ts";
import type { Draft } from "./use-draft.ts";

interface FilesEditorProps {
  draft: Draft;
  faults: readonly FileFault[];
}

type Dialog = "add" | "rename" | "delete" | null;

function useUpload(draft: Draft): (files: UploadedFile[]) => void {
  const toasts = useToasts();
  return (files) => {
    draft
      .upload(files)
      .then(({ added, skipped }) => {
        if (added.size > 0) toasts.add({ title: `${countOf(added.size, "file")} added` });
        const [first] = skipped;
        if (first === undefined) return;
        const others = skipped.length === 1 ? "" : ` And ${skipped.length - 1} more.`;
        const description = `${first.path}: ${first.reason}.${others}`;
        toasts.add({ title: `${skipped.length} left out`, variant: "warning", description });
      })
      .catch((error: unknown) => toasts.addError("The files could not be read", error));
  };
}

function NoFiles({ draft, onAdd }: { draft: Draft; onAdd: () => void }): ReactNode {
  return (
    <EmptyState titleText="No files yet" headingLevel="h3" icon={CodeIcon} variant="sm">
      <EmptyStateBody>
        Drop files or a folder here, add a file, or begin with an example: a web server with a setting of each
        device.
      </EmptyStateBody>
      <EmptyStateFooter>
        <EmptyStateActions>
          <Button variant="primary" onClick={() => draft.replace(starterFiles)}>
            Begin with the example
          </Button>
        </EmptyStateActions>
        <EmptyStateActions>
          <Button variant="link" onClick={onAdd}>
            Add a file
          </Button>
        </EmptyStateActions>
      </EmptyStateFooter>
    </EmptyState>
  );
}

function Dialogs(props: { draft: Draft; dialog: Dialog; onClose: () => void }): ReactNode {
  const { draft, dialog, onClose } = props;
  const { files, selected } = draft;
  if (dialog === "add") {
    const folder = selected === null || files.has(selected) ? folderOf(selected ?? "") : selected;
    return (
      <FileNameModal
        title="New file"
        initial={folder === "" ? "" : joinPath(folder, "")}
        submitLabel="Add"
        faultOf={(path) => clashFault(path, files.keys())}
        onSubmit={(path) => {
          draft.add(path);
          onClose();
        }}
        onClose={onClose}
      />
    );
  }
  if (selected === null || dialog === null) return null;
  if (dialog === "rename") {
    return (
      <FileNameModal
        title={`Rename ${selected}`}
        initial={selected}
        submitLabel="Rename"
        faultOf={(path) => (path === selected ? null : renameFault(files, selected, path))}
        onSubmit={(path) => {
          draft.rename(selected, path);
          onClose();
        }}
        onClose={onClose}
      />
    );
  }
  return (
    <ConfirmModal
      title={`Delete ${selected}?`}
      confirmLabel="Delete"
      isDanger
      isPending={false}
      onConfirm={() => {
        draft.remove(selected);
        onClose();
      }}
      onClose={onClose}
    >
      {files.has(selected)
        ? "The file is taken out of what you are editing; versions that are saved keep it."
        : "The folder and all files in it are taken out of what you are editing; versions that are saved keep them."}
    </ConfirmModal>
  );
}

/** The files of a draft: a tree, and an editor for the one that is open. Files and folders can be dropped on it. */
export function FilesEditor({ draft, faults }: FilesEditorProps): ReactNode {
  const [dialog, setDialog] = useState<Dialog>(null);
  const [isOver, setIsOver] = useState(false);
  const upload = useUpload(draft);
  const toasts = useToasts();
  const { files, open } = draft;
  const counts = useMemo(() => countByFile(faults), [faults]);
  const marks = useMemo(() => (open === null ? [] : marksOf(faults, open)), [faults, open]);
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    setIsOver(false);
    droppedFiles(event.dataTransfer).then(upload, (error: unknown) =>
      toasts.addError("The files could not be read", error),
    );
  };
  const allowDrop = (event: DragEvent): void => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    setIsOver(true);
  };
  return (
    <div
      className={`rciots-files${isOver ? " rciots-files-over" : ""}`}
      onDragOver={allowDrop}
      onDragLeave={() => setIsOver(false)}
      onDrop={drop}
    >
      <div className="rciots-files-side">
        <FileToolbar
          selected={draft.selected}
          onAdd={() => setDialog("add")}
          onRename={() => setDialog("rename")}
          onDelete={() => setDialog("delete")}
          onUpload={upload}
        />
        <FileTreeView
          paths={draft.paths}
          selected={draft.selected}
          onSelect={draft.select}
          faultCounts={counts}
        />
        <p className="rciots-files-size">
          {files.size} of {fileLimits.maxFiles} files, {formatBytes(draft.totalBytes)} of{" "}
          {formatBytes(fileLimits.maxTotalBytes)}
        </p>
      </div>
      <div className="rciots-files-main">
        {open === null ? (
          <NoFiles draft={draft} onAdd={() => setDialog("add")} />
        ) : (
          <CodeEditor
            key={open}
            label={open}
            value={files.get(open) ?? ""}
            language={isYaml(open) ? "yaml" : "text"}
            faults={marks}
            target={draft.target}
            height="fill"
            onChange={(content) => draft.write(open, content)}
          />
        )}
      </div>
      <Dialogs draft={draft} dialog={dialog} onClose={() => setDialog(null)} />
    </div>
  );
}
