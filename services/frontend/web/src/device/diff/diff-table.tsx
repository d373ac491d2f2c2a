import { Label, ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import { ExpandableRowContent, Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useState, type ReactNode } from "react";
import { DiffView } from "../../components/diff-view/diff-view.tsx";
import type { DiffItem } from "./use-live-diff.ts";

type Change = DiffItem["change"];

const looks: Record<Change, { text: string; status?: "success" | "info" | "danger" | "warning" }> = {
  none: { text: "No change" },
  create: { text: "Missing", status: "success" },
  update: { text: "Differs", status: "info" },
  delete: { text: "To be deleted", status: "danger" },
  unknown: { text: "Can't be said", status: "warning" },
};

const keyOf = ({ apiVersion, kind, namespace, name }: DiffItem): string =>
  [apiVersion, kind, namespace ?? "", name].join("/");

function ChangeLabel({ change }: { change: Change }): ReactNode {
  const { text, status } = looks[change];
  return (
    <Label isCompact {...(status === undefined ? { color: "grey" as const } : { status })}>
      {text}
    </Label>
  );
}

function Sides({ item }: { item: DiffItem }): ReactNode {
  const { before, after, shortened, message } = item;
  return (
    <>
      {message !== null && <pre className="rciots-device-words">{message}</pre>}
      {shortened && (
        <p className="rciots-muted">
          {before === null && after === null
            ? "It is too large to be shown."
            : "Long texts are shown by their length and a digest."}
        </p>
      )}
      {(before !== null || after !== null) && (
        <DiffView
          before={before ?? ""}
          after={after ?? ""}
          beforeLabel="Live"
          afterLabel={item.change === "delete" ? "After pruning" : "After an apply"}
        />
      )}
    </>
  );
}

function DiffRows({ item, index }: { item: DiffItem; index: number }): ReactNode {
  const [isOpen, setIsOpen] = useState(index === 0);
  return (
    <Tbody isExpanded={isOpen}>
      <Tr>
        <Td
          expand={{
            rowIndex: index,
            isExpanded: isOpen,
            onToggle: () => setIsOpen((open) => !open),
            expandId: "diff",
          }}
        />
        <Td dataLabel="Kind">{item.kind}</Td>
        <Td dataLabel="Name" modifier="breakWord">
          {item.name}
        </Td>
        <Td dataLabel="Namespace">{item.namespace ?? <span className="rciots-muted">none</span>}</Td>
        <Td dataLabel="Change">
          <ChangeLabel change={item.change} />
        </Td>
      </Tr>
      {isOpen && (
        <Tr isExpanded>
          <Td colSpan={5} noPadding>
            <ExpandableRowContent>
              <Sides item={item} />
            </ExpandableRowContent>
          </Td>
        </Tr>
      )}
    </Tbody>
  );
}

/** What would change, object by object; each opens to both sides. */
export function DiffTable({ items }: { items: readonly DiffItem[] }): ReactNode {
  const [only, setOnly] = useState<Change | null>(null);
  const kinds = (Object.keys(looks) as Change[]).filter((change) =>
    items.some((item) => item.change === change),
  );
  const shown = items.filter(({ change }) => only === null || change === only);
  return (
    <>
      {kinds.length > 1 && (
        <ToggleGroup aria-label="Kind of change">
          <ToggleGroupItem
            text={`All ${items.length}`}
            isSelected={only === null}
            onChange={() => setOnly(null)}
          />
          {kinds.map((change) => (
            <ToggleGroupItem
              key={change}
              text={`${items.filter((item) => item.change === change).length} ${looks[change].text.toLowerCase()}`}
              isSelected={only === change}
              onChange={() => setOnly(change)}
            />
          ))}
        </ToggleGroup>
      )}
      <Table variant="compact" aria-label="What differs">
        <Thead>
          <Tr>
            <Th screenReaderText="Open" />
            <Th>Kind</Th>
            <Th>Name</Th>
            <Th>Namespace</Th>
            <Th>Change</Th>
          </Tr>
        </Thead>
        {shown.map((item, index) => (
          <DiffRows key={keyOf(item)} item={item} index={index} />
        ))}
      </Table>
    </>
  );
}
