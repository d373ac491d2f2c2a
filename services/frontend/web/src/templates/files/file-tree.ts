import { folderOf, joinPath } from "./file-path.ts";

export interface TreeNode {
  kind: "folder" | "file";
  name: string;
  path: string;
  /** Of a folder: folders first, each by name. */
  children: TreeNode[];
}

/** A row of the tree as it shows, with its place for assistive technology. */
export interface TreeRow {
  node: TreeNode;
  /** 1-based. */
  level: number;
  position: number;
  siblingCount: number;
}

function sort(nodes: TreeNode[]): TreeNode[] {
  for (const node of nodes) sort(node.children);
  return nodes.sort((a, b) =>
    a.kind === b.kind ? a.name.localeCompare(b.name) : a.kind === "folder" ? -1 : 1,
  );
}

/** Files by their folders. */
export function buildTree(paths: Iterable<string>): TreeNode[] {
  const top: TreeNode[] = [];
  const folders = new Map<string, TreeNode[]>([["", top]]);
  const childrenOf = (folder: string): TreeNode[] => {
    const known = folders.get(folder);
    if (known !== undefined) return known;
    const children: TreeNode[] = [];
    folders.set(folder, children);
    const parent = folderOf(folder);
    const name = parent === "" ? folder : folder.slice(parent.length + 1);
    childrenOf(parent).push({ kind: "folder", name, path: folder, children });
    return children;
  };
  for (const path of paths) {
    const folder = folderOf(path);
    const name = folder === "" ? path : path.slice(folder.length + 1);
    childrenOf(folder).push({ kind: "file", name, path: joinPath(folder, name), children: [] });
  }
  return sort(top);
}

/** The rows that show while these folders are open, from the top down. */
export function visibleRows(nodes: readonly TreeNode[], open: ReadonlySet<string>, level = 1): TreeRow[] {
  return nodes.flatMap((node, index) => [
    { node, level, position: index + 1, siblingCount: nodes.length },
    ...(node.kind === "folder" && open.has(node.path) ? visibleRows(node.children, open, level + 1) : []),
  ]);
}
