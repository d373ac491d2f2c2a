import { Dropdown, DropdownItem, DropdownList, MenuToggle } from "@patternfly/react-core";
import { DesktopIcon } from "@patternfly/react-icons/dist/esm/icons/desktop-icon";
import { MoonIcon } from "@patternfly/react-icons/dist/esm/icons/moon-icon";
import { SunIcon } from "@patternfly/react-icons/dist/esm/icons/sun-icon";
import { useState, type ReactNode } from "react";
import { setThemeChoice, useIsDark, useThemeChoice, type ThemeChoice } from "../theme/theme.ts";

const choices: { value: ThemeChoice; label: string; icon: ReactNode }[] = [
  { value: "system", label: "As the system", icon: <DesktopIcon /> },
  { value: "light", label: "Light", icon: <SunIcon /> },
  { value: "dark", label: "Dark", icon: <MoonIcon /> },
];

export function ThemeMenu(): ReactNode {
  const [isOpen, setIsOpen] = useState(false);
  const choice = useThemeChoice();
  const isDark = useIsDark();
  return (
    <Dropdown
      isOpen={isOpen}
      onOpenChange={setIsOpen}
      popperProps={{ position: "right" }}
      onSelect={(_event, value) => {
        setThemeChoice(value as ThemeChoice);
        setIsOpen(false);
      }}
      toggle={(ref) => (
        <MenuToggle
          ref={ref}
          variant="plain"
          aria-label="Theme"
          isExpanded={isOpen}
          onClick={() => setIsOpen(!isOpen)}
          icon={isDark ? <MoonIcon /> : <SunIcon />}
        />
      )}
    >
      <DropdownList>
        {choices.map(({ value, label, icon }) => (
          <DropdownItem key={value} value={value} icon={icon} isSelected={value === choice}>
            {label}
          </DropdownItem>
        ))}
      </DropdownList>
    </Dropdown>
  );
}
