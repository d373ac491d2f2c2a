import { Dropdown, DropdownItem, DropdownList, MenuToggle } from "@patternfly/react-core";
import { BuildingIcon } from "@patternfly/react-icons/dist/esm/icons/building-icon";
import { useState, type ReactNode } from "react";
import { useNavigate } from "react-router";
import { useSession } from "../session/session.ts";

/** Which organisation this tab shows. */
export function OrganizationSwitcher(): ReactNode {
  const { account, organization, switchOrganization } = useSession();
  const [isOpen, setIsOpen] = useState(false);
  const navigate = useNavigate();
  if (organization === undefined) return null;
  return (
    <Dropdown
      isOpen={isOpen}
      isScrollable
      onOpenChange={setIsOpen}
      onSelect={(_event, value) => {
        setIsOpen(false);
        if (value === organization.id) return;
        switchOrganization(String(value));
        // What the page shows belongs to the organisation that was left.
        void navigate("/");
      }}
      toggle={(ref) => (
        <MenuToggle
          ref={ref}
          isExpanded={isOpen}
          onClick={() => setIsOpen(!isOpen)}
          icon={<BuildingIcon />}
          aria-label={`Organisation: ${organization.name}`}
          className="rciots-organization-toggle"
        >
          {organization.name}
        </MenuToggle>
      )}
    >
      <DropdownList>
        {account.organizations.map(({ id, name, role, status }) => (
          <DropdownItem
            key={id}
            value={id}
            isSelected={id === organization.id}
            description={status === "suspended" ? `${role}, suspended` : role}
          >
            {name}
          </DropdownItem>
        ))}
      </DropdownList>
    </Dropdown>
  );
}
