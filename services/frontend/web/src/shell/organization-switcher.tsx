import { Divider, Dropdown, DropdownItem, DropdownList, MenuToggle } from "@patternfly/react-core";
import { BuildingIcon } from "@patternfly/react-icons/dist/esm/icons/building-icon";
import { useState, type ReactNode } from "react";
import { useNavigate } from "react-router";
import { CreateOrganizationModal } from "../organizations/create-organization-modal.tsx";
import { useSession } from "../session/session.ts";
import { useSigninOptions } from "../sign-in/use-signin-options.ts";

const createValue = "create";

/** Administrators of the platform always; others where sign-up is open. */
function useMayCreate(): boolean {
  const { account } = useSession();
  const options = useSigninOptions();
  return account.isPlatformAdmin || options?.canSignUp === true;
}

/** Which organisation this tab shows. */
export function OrganizationSwitcher(): ReactNode {
  const { account, organization, switchOrganization } = useSession();
  const [isOpen, setIsOpen] = useState(false);
  const [isCreating, setIsCreating] = useState(false);
  const mayCreate = useMayCreate();
  const navigate = useNavigate();
  if (organization === undefined && !mayCreate) return null;
  const name = organization?.name ?? "No organisation";
  return (
    <>
      <Dropdown
        isOpen={isOpen}
        isScrollable
        onOpenChange={setIsOpen}
        onSelect={(_event, value) => {
          setIsOpen(false);
          if (value === organization?.id) return;
          if (value === createValue) return void setIsCreating(true);
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
            aria-label={`Organisation: ${name}`}
            className="rciots-organization-toggle"
          >
            {name}
          </MenuToggle>
        )}
      >
        <DropdownList>
          {account.organizations.map(({ id, name, role, status }) => (
            <DropdownItem
              key={id}
              value={id}
              isSelected={id === organization?.id}
              description={status === "suspended" ? `${role}, suspended` : role}
            >
              {name}
            </DropdownItem>
          ))}
          {mayCreate && account.organizations.length > 0 && <Divider component="li" />}
          {mayCreate && <DropdownItem value={createValue}>New organisation</DropdownItem>}
        </DropdownList>
      </Dropdown>
      {isCreating && <CreateOrganizationModal onClose={() => setIsCreating(false)} />}
    </>
  );
}
