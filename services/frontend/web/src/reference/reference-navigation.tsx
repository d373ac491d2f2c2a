import { Nav, NavExpandable, NavItem, NavList, SearchInput } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { Link, useSearchParams } from "react-router";
import { MethodLabel } from "./method-label.tsx";
import { groupOperations, type Operation } from "./openapi-document.ts";

interface NavigationProps {
  operations: Operation[];
  /** The operation that is shown. */
  current: Operation | undefined;
}

/** All calls by tag, and those that hold what is looked for. */
export function ReferenceNavigation({ operations, current }: NavigationProps): ReactNode {
  const [query, setQuery] = useSearchParams();
  const search = query.get("q") ?? "";
  const groups = groupOperations(operations, search);
  const look = (text: string): void => setQuery(text === "" ? {} : { q: text }, { replace: true });
  return (
    <>
      <div className="rciots-reference-search">
        <SearchInput
          aria-label="Search calls"
          placeholder="Search calls"
          value={search}
          onChange={(_event, text) => look(text)}
          onClear={() => look("")}
        />
      </div>
      <Nav aria-label="Calls">
        <NavList>
          {groups.map((group) => (
            <NavExpandable
              // Opened anew where a search begins or another tag is gone to.
              key={`${group.tag} ${search === "" ? (current?.tag ?? "") : "search"}`}
              title={group.tag}
              isExpanded={search !== "" || current?.tag === group.tag}
              isActive={current?.tag === group.tag}
            >
              {group.operations.map((operation) => (
                <NavItem key={operation.id} itemId={operation.id} isActive={operation === current}>
                  <Link to={{ pathname: `/reference/${operation.id}`, search: query.toString() }}>
                    <MethodLabel method={operation.method} />
                    <span>{operation.summary}</span>
                  </Link>
                </NavItem>
              ))}
            </NavExpandable>
          ))}
        </NavList>
      </Nav>
      {groups.length === 0 && <p className="rciots-reference-search">No call holds these words.</p>}
    </>
  );
}
