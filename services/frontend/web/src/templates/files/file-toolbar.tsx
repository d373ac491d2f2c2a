import { Button, Dropdown, DropdownItem, DropdownList, MenuToggle, Tooltip } from "@patternfly/react-core";
import { PencilAltIcon } from "@patternfly/react-icons/dist/esm/icons/pencil-alt-icon";
import { PlusCircleIcon } from "@patternfly/react-icons/dist/esm/icons/plus-circle-icon";
import { TrashIcon } from "@patternfly/react-icons/dist/esm/icons/trash-icon";
import { UploadIcon } from "@patternfly/react-icons/dist/esm/icons/upload-icon";
import { useRef, useState, type ChangeEvent, type ReactNode } from "react";
import { chosenFiles } from "./dropped-files.ts";
import type { UploadedFile } from "./upload.ts";

interface FileToolbarProps {
  /** The file or folder that rename and delete are about. */
  selected: string | null;
  onAdd: () => void;
  onRename: () => void;
  onDelete: () => void;
  onUpload: (files: UploadedFile[]) => void;
}

function IconButton(props: {
  label: string;
  icon: ReactNode;
  isDisabled?: boolean;
  onClick: () => void;
}): ReactNode {
  return (
    <Tooltip content={props.label}>
      <Button
        variant="plain"
        aria-label={props.label}
        icon={props.icon}
        isAriaDisabled={props.isDisabled ?? false}
        onClick={props.onClick}
      />
    </Tooltip>
  );
}

function UploadMenu({ onUpload }: Pick<FileToolbarProps, "onUpload">): ReactNode {
  const [isOpen, setIsOpen] = useState(false);
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const chosen = (event: ChangeEvent<HTMLInputElement>): void => {
    if (event.target.files !== null) onUpload(chosenFiles(event.target.files));
    // The same file can be chosen again.
    event.target.value = "";
  };
  return (
    <>
      <input ref={files} type="file" multiple hidden aria-label="Files to upload" onChange={chosen} />
      <input
        ref={(element) => {
          folder.current = element;
          element?.setAttribute("webkitdirectory", "");
        }}
        type="file"
        hidden
        aria-label="Folder to upload"
        onChange={chosen}
      />
      <Dropdown
        isOpen={isOpen}
        onOpenChange={setIsOpen}
        onSelect={(_event, value) => {
          setIsOpen(false);
          (value === "folder" ? folder : files).current?.click();
        }}
        toggle={(ref) => (
          <MenuToggle
            ref={ref}
            variant="plain"
            aria-label="Upload"
            isExpanded={isOpen}
            icon={<UploadIcon />}
            onClick={() => setIsOpen(!isOpen)}
          />
        )}
      >
        <DropdownList>
          <DropdownItem value="files">Upload files</DropdownItem>
          <DropdownItem value="folder" description="It becomes the top of the template; .git is left out">
            Upload a folder
          </DropdownItem>
        </DropdownList>
      </Dropdown>
    </>
  );
}

/** What can be done with the files of a draft. */
export function FileToolbar(props: FileToolbarProps): ReactNode {
  const { selected, onAdd, onRename, onDelete, onUpload } = props;
  return (
    <div className="rciots-file-toolbar" role="toolbar" aria-label="Files">
      <IconButton label="New file" icon={<PlusCircleIcon />} onClick={onAdd} />
      <UploadMenu onUpload={onUpload} />
      <IconButton
        label={selected === null ? "Rename: choose a file first" : `Rename ${selected}`}
        icon={<PencilAltIcon />}
        isDisabled={selected === null}
        onClick={onRename}
      />
      <IconButton
        label={selected === null ? "Delete: choose a file first" : `Delete ${selected}`}
        icon={<TrashIcon />}
        isDisabled={selected === null}
        onClick={onDelete}
      />
    </div>
  );
}
