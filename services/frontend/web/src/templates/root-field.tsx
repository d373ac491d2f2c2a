import { FormGroup, FormSelect, FormSelectOption } from "@patternfly/react-core";
import type { ReactNode } from "react";
import type { Draft } from "./files/use-draft.ts";

/** Which kustomization is built; only where there is a choice. */
export function RootField({ draft }: { draft: Draft }): ReactNode {
  if (draft.folders.length < 2) return null;
  return (
    <FormGroup label="Kustomization to build" fieldId="template-root" className="rciots-root-field">
      <FormSelect id="template-root" value={draft.root} onChange={(_event, root) => draft.setRoot(root)}>
        {draft.folders.map((folder) => (
          <FormSelectOption
            key={folder}
            value={folder}
            label={folder === "" ? "The one at the top" : folder}
          />
        ))}
      </FormSelect>
    </FormGroup>
  );
}
