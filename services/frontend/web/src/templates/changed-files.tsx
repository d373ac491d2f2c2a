import { Label, Menu, MenuContent, MenuItem, MenuList } from "@patternfly/react-core";
import { useState, type ReactNode } from "react";
import type { FileChange } from "./files/draft-files.ts";

const colours = { added: "green", removed: "red", changed: "blue" } as const;

interface ChangedFilesProps {
  changes: readonly FileChange[];
  /** Shows one of them. */
  children: (change: FileChange) => ReactNode;
}

/** Files that differ, one of them at a time. */
export function ChangedFiles({ changes, children }: ChangedFilesProps): ReactNode {
  const [chosen, setChosen] = useState("");
  const shown = changes.find(({ path }) => path === chosen) ?? changes[0];
  if (shown === undefined) return <p className="rciots-muted">No file differs.</p>;
  return (
    <div className="rciots-changes">
      <Menu
        isPlain
        isScrollable
        activeItemId={shown.path}
        selected={shown.path}
        onSelect={(_event, path) => setChosen(String(path))}
      >
        <MenuContent maxMenuHeight="60vh">
          <MenuList aria-label="Files that differ">
            {changes.map(({ path, kind }) => (
              <MenuItem key={path} itemId={path} isSelected={path === shown.path}>
                <span className="rciots-breakable">{path}</span>{" "}
                <Label isCompact color={colours[kind]}>
                  {kind}
                </Label>
              </MenuItem>
            ))}
          </MenuList>
        </MenuContent>
      </Menu>
      <div>{children(shown)}</div>
    </div>
  );
}
