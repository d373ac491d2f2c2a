import { Alert, ExpandableSection, Label, LabelGroup, List, ListItem } from "@patternfly/react-core";
import { useState, type ReactNode } from "react";
import { Link } from "react-router";
import { CodeEditor } from "../components/code-editor/code-editor.tsx";
import { shortCommit } from "./sync-status.tsx";
import { countOf } from "./usage-health.ts";
import type { CheckedDraft } from "./use-draft-check.ts";

function Needs({ title, names }: { title: string; names: readonly string[] }): ReactNode {
  if (names.length === 0) return null;
  return (
    <LabelGroup categoryName={title} numLabels={12}>
      {names.map((name) => (
        <Label key={name} isCompact>
          {name}
        </Label>
      ))}
    </LabelGroup>
  );
}

/** What kustomize makes of a draft, and what devices will need for it. */
export function CheckedDraftView({ checked }: { checked: CheckedDraft }): ReactNode {
  const [isOpen, setIsOpen] = useState(false);
  const { objects, variables, secrets, missingSecrets, warnings, commit } = checked;
  const from = commit === null ? "" : ` from commit ${shortCommit(commit.id)}, "${commit.subject}"`;
  return (
    <div className="rciots-stack">
      <Alert variant="success" isInline title={`It renders: ${countOf(objects.length, "object")}${from}`} />
      {warnings.length > 0 && (
        <Alert variant="warning" isInline title="Kustomize remarks">
          <List isPlain>
            {warnings.map((warning) => (
              <ListItem key={warning}>{warning}</ListItem>
            ))}
          </List>
        </Alert>
      )}
      {missingSecrets.length > 0 && (
        <Alert variant="warning" isInline title={`Not stored yet: ${missingSecrets.join(", ")}`}>
          Devices keep what they run until all <Link to="/secrets">secrets</Link> are there.
        </Alert>
      )}
      <Needs title="Variables" names={variables} />
      <Needs title="Secrets" names={secrets} />
      <ExpandableSection
        toggleText={isOpen ? "Hide the rendered objects" : "Show the rendered objects"}
        isExpanded={isOpen}
        onToggle={(_event, next) => setIsOpen(next)}
      >
        {isOpen && <CodeEditor label="Rendered objects" value={checked.yaml} />}
      </ExpandableSection>
    </div>
  );
}
