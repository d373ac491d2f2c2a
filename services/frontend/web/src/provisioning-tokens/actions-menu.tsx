import { Dropdown, DropdownItem, DropdownList, MenuToggle } from "@patternfly/react-core";
import { useState, type ReactNode } from "react";
import type { TokenAction } from "./use-token-actions.tsx";

interface ActionsMenuProps {
  actions: readonly TokenAction[];
  isDisabled?: boolean;
  /** What to call it; default `Actions`. */
  label?: string;
}

export function ActionsMenu({ actions, isDisabled = false, label = "Actions" }: ActionsMenuProps): ReactNode {
  const [isOpen, setOpen] = useState(false);
  return (
    <Dropdown
      isOpen={isOpen}
      onOpenChange={setOpen}
      onSelect={() => setOpen(false)}
      popperProps={{ position: "right" }}
      toggle={(ref) => (
        <MenuToggle ref={ref} isDisabled={isDisabled} isExpanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {label}
        </MenuToggle>
      )}
    >
      <DropdownList>
        {actions.map(({ title, onClick, isDanger = false }) => (
          <DropdownItem key={title} isDanger={isDanger} onClick={onClick}>
            {title}
          </DropdownItem>
        ))}
      </DropdownList>
    </Dropdown>
  );
}
