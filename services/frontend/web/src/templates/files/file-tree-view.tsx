import { Icon } from "@patternfly/react-core";
import { AngleDownIcon } from "@patternfly/react-icons/dist/esm/icons/angle-down-icon";
import { AngleRightIcon } from "@patternfly/react-icons/dist/esm/icons/angle-right-icon";
import { ExclamationCircleIcon } from "@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon";
import { FileIcon } from "@patternfly/react-icons/dist/esm/icons/file-icon";
import { FolderIcon } from "@patternfly/react-icons/dist/esm/icons/folder-icon";
import { FolderOpenIcon } from "@patternfly/react-icons/dist/esm/icons/folder-open-icon";
import { memo, useMemo, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { foldersOf } from "./file-path.ts";
import { buildTree, visibleRows, type TreeNode, type TreeRow } from "./file-tree.ts";

/** With more files than this, folders begin closed. */
const maxOpenFiles = 100;

interface FileTreeViewProps {
  paths: readonly string[];
  /** A file or a folder. */
  selected: string | null;
  onSelect: (node: TreeNode) => void;
  /** How many faults a file has. */
  faultCounts?: ReadonlyMap<string, number>;
}

function useOpenFolders(paths: readonly string[], selected: string | null) {
  const [toggled, setToggled] = useState<ReadonlyMap<string, boolean>>(new Map());
  const open = useMemo(() => {
    const always = paths.length <= maxOpenFiles ? paths.flatMap(foldersOf) : [];
    const folders = new Set([...always, ...(selected === null ? [] : foldersOf(selected))]);
    for (const [folder, isOpen] of toggled) {
      if (isOpen) folders.add(folder);
      else folders.delete(folder);
    }
    return folders;
  }, [paths, selected, toggled]);
  const toggle = (folder: string, isOpen: boolean): void =>
    setToggled((before) => new Map(before).set(folder, isOpen));
  return { open, toggle };
}

function RowIcon({ node, isOpen }: { node: TreeNode; isOpen: boolean }): ReactNode {
  if (node.kind === "file") return <FileIcon />;
  return isOpen ? <FolderOpenIcon /> : <FolderIcon />;
}

interface RowProps {
  row: TreeRow;
  isOpen: boolean;
  isSelected: boolean;
  isReachable: boolean;
  faultCount: number;
  onPick: () => void;
}

function Row({ row, isOpen, isSelected, isReachable, faultCount, onPick }: RowProps): ReactNode {
  const { node, level, position, siblingCount } = row;
  const isFolder = node.kind === "folder";
  return (
    <div
      role="treeitem"
      aria-level={level}
      aria-posinset={position}
      aria-setsize={siblingCount}
      aria-selected={isSelected}
      {...(isFolder ? { "aria-expanded": isOpen } : {})}
      tabIndex={isReachable ? 0 : -1}
      data-path={node.path}
      className={`rciots-file-row${isSelected ? " rciots-file-row-selected" : ""}`}
      ref={(element) => element?.style.setProperty("--rciots-file-level", String(level - 1))}
      onClick={onPick}
    >
      <span className="rciots-file-toggle" aria-hidden>
        {isFolder && (isOpen ? <AngleDownIcon /> : <AngleRightIcon />)}
      </span>
      <span className="rciots-file-icon" aria-hidden>
        <RowIcon node={node} isOpen={isOpen} />
      </span>
      <span className="rciots-file-name" title={node.path}>
        {node.name}
      </span>
      {faultCount > 0 && (
        <Icon status="danger" size="sm">
          <ExclamationCircleIcon aria-label={`${faultCount} fault${faultCount === 1 ? "" : "s"}`} />
        </Icon>
      )}
    </div>
  );
}

/** The row that an arrow key leads to; undefined where it leads nowhere. */
function rowAfter(rows: readonly TreeRow[], index: number, key: string): TreeRow | undefined {
  if (key === "ArrowDown") return rows[index + 1];
  if (key === "ArrowUp") return rows[index - 1];
  if (key === "Home") return rows[0];
  if (key === "End") return rows.at(-1);
  const level = rows[index]?.level ?? 1;
  if (key === "ArrowLeft") return rows.slice(0, index).findLast((row) => row.level < level);
  return undefined;
}

function Tree({ paths, selected, onSelect, faultCounts }: FileTreeViewProps): ReactNode {
  const { open, toggle } = useOpenFolders(paths, selected);
  const tree = useMemo(() => buildTree(paths), [paths]);
  const rows = useMemo(() => visibleRows(tree, open), [tree, open]);
  const container = useRef<HTMLDivElement>(null);
  const reachable = rows.some(({ node }) => node.path === selected) ? selected : (rows[0]?.node.path ?? null);

  const pick = (node: TreeNode): void => {
    if (node.kind === "folder") toggle(node.path, !open.has(node.path));
    onSelect(node);
  };
  const focusRow = (row: TreeRow): void => {
    const selector = `[data-path="${CSS.escape(row.node.path)}"]`;
    container.current?.querySelector<HTMLElement>(selector)?.focus();
  };
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>): void => {
    const path = (event.target as HTMLElement).dataset["path"];
    const index = rows.findIndex(({ node }) => node.path === path);
    const node = rows[index]?.node;
    if (node === undefined) return;
    const isFolder = node.kind === "folder";
    if (event.key === "Enter" || event.key === " ") pick(node);
    else if (event.key === "ArrowRight" && isFolder && !open.has(node.path)) toggle(node.path, true);
    else if (event.key === "ArrowLeft" && isFolder && open.has(node.path)) toggle(node.path, false);
    else {
      const next = rowAfter(rows, index, event.key === "ArrowRight" && isFolder ? "ArrowDown" : event.key);
      if (next === undefined) return;
      focusRow(next);
    }
    event.preventDefault();
  };
  return (
    <div ref={container} role="tree" aria-label="Files" className="rciots-file-tree" onKeyDown={onKeyDown}>
      {rows.map((row) => (
        <Row
          key={`${row.node.kind}:${row.node.path}`}
          row={row}
          isOpen={open.has(row.node.path)}
          isSelected={row.node.path === selected}
          isReachable={row.node.path === reachable}
          faultCount={faultCounts?.get(row.node.path) ?? 0}
          onPick={() => pick(row.node)}
        />
      ))}
    </div>
  );
}

/** Files by their folders; arrow keys as in every tree. Typing in the editor beside it doesn't draw it again. */
export const FileTreeView = memo(Tree);
