import {
  MenuToggle,
  Pagination,
  SearchInput,
  Select,
  SelectList,
  SelectOption,
  Toolbar,
  ToolbarContent,
  ToolbarFilter,
  ToolbarItem,
} from "@patternfly/react-core";
import { useState, type ReactNode } from "react";
import { stateText } from "./token-labels.tsx";
import { tokenStates, type TokenFilter, type TokenState } from "./token.ts";

interface TokensToolbarProps {
  filter: TokenFilter;
  onFilter: (filter: TokenFilter) => void;
  /** For those that are ticked, such as their actions. */
  children?: ReactNode;
  page: { number: number; size: number; count: number; onPage: (number: number) => void };
}

export function TokensToolbar({ filter, onFilter, page, children }: TokensToolbarProps): ReactNode {
  const [isOpen, setOpen] = useState(false);
  const { q, states } = filter;
  const toggle = (state: TokenState): void =>
    onFilter({
      q,
      states: states.includes(state) ? states.filter((other) => other !== state) : [...states, state],
    });
  return (
    <Toolbar clearAllFilters={() => onFilter({ q: "", states: [] })} clearFiltersButtonText="Clear filters">
      <ToolbarContent>
        <ToolbarItem>
          <SearchInput
            aria-label="Find a token by name"
            placeholder="Find by name"
            value={q}
            onChange={(_event, next) => onFilter({ q: next, states })}
            onClear={() => onFilter({ q: "", states })}
          />
        </ToolbarItem>
        <ToolbarFilter
          categoryName="Status"
          labels={states.map((state) => ({ key: state, node: stateText(state) }))}
          deleteLabel={(_category, label) =>
            toggle((typeof label === "string" ? label : label.key) as TokenState)
          }
          deleteLabelGroup={() => onFilter({ q, states: [] })}
        >
          <Select
            role="menu"
            isOpen={isOpen}
            selected={states}
            onOpenChange={setOpen}
            onSelect={(_event, state) => toggle(state as TokenState)}
            toggle={(ref) => (
              <MenuToggle ref={ref} isExpanded={isOpen} onClick={() => setOpen(!isOpen)}>
                Status
              </MenuToggle>
            )}
          >
            <SelectList>
              {tokenStates.map((state) => (
                <SelectOption key={state} value={state} hasCheckbox isSelected={states.includes(state)}>
                  {stateText(state)}
                </SelectOption>
              ))}
            </SelectList>
          </Select>
        </ToolbarFilter>
        {children}
        {page.count > page.size && (
          <ToolbarItem variant="pagination" align={{ default: "alignEnd" }}>
            <Pagination
              isCompact
              itemCount={page.count}
              page={page.number}
              perPage={page.size}
              perPageOptions={[]}
              onSetPage={(_event, number) => page.onPage(number)}
            />
          </ToolbarItem>
        )}
      </ToolbarContent>
    </Toolbar>
  );
}
