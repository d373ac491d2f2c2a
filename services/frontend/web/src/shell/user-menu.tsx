import { Divider, Dropdown, DropdownItem, DropdownList, MenuToggle } from "@patternfly/react-core";
import { UserIcon } from "@patternfly/react-icons/dist/esm/icons/user-icon";
import { useState, type ReactNode } from "react";
import { useNavigate } from "react-router";
import { useToasts } from "../components/toasts.ts";
import { useSession } from "../session/session.ts";

export function UserMenu(): ReactNode {
  const { account, signOut } = useSession();
  const toasts = useToasts();
  const navigate = useNavigate();
  const [isOpen, setIsOpen] = useState(false);
  const leave = (): void => {
    signOut().catch((error: unknown) => toasts.addError("You could not be signed out", error));
  };
  return (
    <Dropdown
      isOpen={isOpen}
      onOpenChange={setIsOpen}
      onSelect={() => setIsOpen(false)}
      popperProps={{ position: "right" }}
      toggle={(ref) => (
        <MenuToggle
          ref={ref}
          variant="plainText"
          isExpanded={isOpen}
          onClick={() => setIsOpen(!isOpen)}
          icon={<UserIcon />}
          aria-label={`Account: ${account.username}`}
        >
          <span className="rciots-wide-only">{account.username}</span>
        </MenuToggle>
      )}
    >
      <DropdownList>
        <DropdownItem isDisabled description={account.email}>
          {account.username}
        </DropdownItem>
        <Divider component="li" />
        <DropdownItem onClick={() => void navigate("/profile")}>Your profile</DropdownItem>
        <DropdownItem onClick={() => void navigate("/reference")}>API reference</DropdownItem>
        <DropdownItem onClick={leave}>Sign out</DropdownItem>
      </DropdownList>
    </Dropdown>
  );
}
