import {
  ActionList,
  ActionListItem,
  Button,
  FormHelperText,
  HelperText,
  HelperTextItem,
  Menu,
  MenuContent,
  MenuItem,
  MenuList,
  TextInput,
} from "@patternfly/react-core";
import { useState, type ReactNode } from "react";
import { useApi } from "../../api/api-context.ts";
import { unwrap } from "../../api/client.ts";
import { CodeEditor } from "../../components/code-editor/code-editor.tsx";
import { ProblemAlert } from "../../components/problem-alert.tsx";
import { ConflictAlert } from "../conflict-alert.tsx";
import { useDeviceChange } from "../use-device-change.ts";
import type { Device } from "../use-device.ts";
import { faultsOfFile, pathFault, type OverlayFile } from "./overlay-files.ts";

interface Overlay {
  root: string;
  files: OverlayFile[];
}

interface OverlayEditorProps {
  device: Device;
  saved: Overlay;
  mayEdit: boolean;
  /** Where nothing is saved yet. */
  onCancel?: () => void;
}

/** What is being typed, and the version it began with. */
interface Draft extends Overlay {
  version: number;
}

function NewFile({
  files,
  onAdd,
}: {
  files: readonly OverlayFile[];
  onAdd: (path: string) => void;
}): ReactNode {
  const [path, setPath] = useState("");
  const fault = path === "" ? undefined : pathFault(path, files);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (path === "" || fault !== undefined) return;
        onAdd(path);
        setPath("");
      }}
    >
      <TextInput
        aria-label="Path of a new file"
        placeholder="New file: path, then Enter"
        value={path}
        validated={fault === undefined ? "default" : "error"}
        onChange={(_event, value) => setPath(value)}
      />
      {fault !== undefined && (
        <FormHelperText>
          <HelperText>
            <HelperTextItem variant="error">{fault}</HelperTextItem>
          </HelperText>
        </FormHelperText>
      )}
    </form>
  );
}

export function OverlayEditor({ device, saved, mayEdit, onCancel }: OverlayEditorProps): ReactNode {
  const api = useApi();
  const [draft, setDraft] = useState<Draft | null>(null);
  const [path, setPath] = useState(saved.files[0]?.path ?? "");
  const change = useDeviceChange<Overlay>({
    device,
    send: (body, headers) =>
      unwrap(api.PUT("/api/v1/devices/{id}/overlay", { params: { path: { id: device.id } }, headers, body })),
    done: `The overlay files of ${device.name} were saved`,
    onDone: () => setDraft(null),
  });
  const { files, root } = draft ?? saved;
  const file = files.find((each) => each.path === path) ?? files[0];
  const isDirty = draft !== null || onCancel !== undefined;
  const edit = (next: OverlayFile[]): void =>
    setDraft((before) => ({ root, files: next, version: before?.version ?? device.version }));
  const discard = (): void => {
    setDraft(null);
    change.reset();
    onCancel?.();
  };
  return (
    <>
      <div className="rciots-device-files">
        <div>
          <Menu onSelect={(_event, chosen) => setPath(String(chosen))} selected={file?.path} isPlain>
            <MenuContent>
              <MenuList aria-label="Files">
                {files.map((each) => (
                  <MenuItem key={each.path} itemId={each.path}>
                    {each.path}
                  </MenuItem>
                ))}
              </MenuList>
            </MenuContent>
          </Menu>
          {mayEdit && (
            <NewFile
              files={files}
              onAdd={(added) => {
                edit([...files, { path: added, content: "" }]);
                setPath(added);
              }}
            />
          )}
        </div>
        {file !== undefined && (
          <div>
            <CodeEditor
              key={file.path}
              label={file.path}
              value={file.content}
              faults={faultsOfFile(change.error, file.path)}
              {...(mayEdit
                ? {
                    onChange: (content: string) =>
                      edit(files.map((each) => (each.path === file.path ? { ...each, content } : each))),
                  }
                : {})}
            />
            {mayEdit && files.length > 1 && (
              <Button
                variant="link"
                isInline
                isDanger
                onClick={() => edit(files.filter((each) => each.path !== file.path))}
              >
                Remove {file.path}
              </Button>
            )}
          </div>
        )}
      </div>
      <ConflictAlert conflict={change.conflict} onSaveAnyway={change.saveAnyway} onDiscard={discard} />
      <ProblemAlert error={change.error} title="The files were not saved" />
      {isDirty && (
        <ActionList className="rciots-card-foot">
          <ActionListItem>
            <Button
              variant="primary"
              isDisabled={change.isPending}
              isLoading={change.isPending}
              onClick={() => change.save({ root, files }, draft?.version ?? device.version)}
            >
              Save files
            </Button>
          </ActionListItem>
          <ActionListItem>
            <Button variant="link" onClick={discard}>
              Cancel
            </Button>
          </ActionListItem>
        </ActionList>
      )}
    </>
  );
}
