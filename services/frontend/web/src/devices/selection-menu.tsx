import { Dropdown, DropdownItem, DropdownList, MenuToggle, MenuToggleCheckbox } from "@patternfly/react-core";
import { useState, type ReactNode } from "react";
import type { Device } from "./device-filter.ts";
import { bulkActions, type BulkActionName } from "./bulk-actions.ts";
import type { Selection } from "./use-selection.ts";

interface SelectionMenuProps {
  selection: Selection;
  shown: readonly Device[];
  total: number;
}

/** Ticks none, the page, or all that match. */
export function SelectionMenu({ selection, shown, total }: SelectionMenuProps): ReactNode {
  const [isOpen, setIsOpen] = useState(false);
  const isPage = shown.length > 0 && shown.every(({ id }) => selection.has(id));
  const checked = isPage ? true : selection.count > 0 ? null : false;
  return (
    <Dropdown
      isOpen={isOpen}
      onOpenChange={setIsOpen}
      onSelect={() => setIsOpen(false)}
      toggle={(ref) => (
        <MenuToggle
          ref={ref}
          aria-label="Select devices"
          isExpanded={isOpen}
          onClick={() => setIsOpen(!isOpen)}
          splitButtonItems={[
            <MenuToggleCheckbox
              key="page"
              id="select-page"
              aria-label="Select the page"
              isChecked={checked}
              onChange={(isChecked) => (isChecked ? selection.selectPage() : selection.clear())}
            >
              {selection.count > 0 ? `${selection.count.toLocaleString()} selected` : undefined}
            </MenuToggleCheckbox>,
          ]}
        />
      )}
    >
      <DropdownList>
        <DropdownItem key="none" onClick={selection.clear}>
          Select none
        </DropdownItem>
        <DropdownItem key="page" onClick={selection.selectPage}>
          Select the page ({shown.length})
        </DropdownItem>
        <DropdownItem key="all" onClick={selection.selectAll}>
          Select all that match ({total.toLocaleString()})
        </DropdownItem>
      </DropdownList>
    </Dropdown>
  );
}

interface BulkMenuProps {
  actions: readonly BulkActionName[];
  isDisabled: boolean;
  onChoose: (action: BulkActionName) => void;
}

export function BulkMenu({ actions, isDisabled, onChoose }: BulkMenuProps): ReactNode {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <Dropdown
      isOpen={isOpen}
      onOpenChange={setIsOpen}
      onSelect={() => setIsOpen(false)}
      toggle={(ref) => (
        <MenuToggle ref={ref} isDisabled={isDisabled} isExpanded={isOpen} onClick={() => setIsOpen(!isOpen)}>
          Actions
        </MenuToggle>
      )}
    >
      <DropdownList>
        {actions.map((action) => (
          <DropdownItem
            key={action}
            isDanger={bulkActions[action].isDanger === true}
            onClick={() => onChoose(action)}
          >
            {bulkActions[action].label}
          </DropdownItem>
        ))}
      </DropdownList>
    </Dropdown>
  );
}
