import {
  Badge,
  DatePicker,
  MenuToggle,
  SearchInput,
  Select,
  SelectList,
  SelectOption,
  Switch,
  Toolbar,
  ToolbarContent,
  ToolbarFilter,
  ToolbarGroup,
  ToolbarItem,
  ToolbarToggleGroup,
} from "@patternfly/react-core";
import { FilterIcon } from "@patternfly/react-icons/dist/esm/icons/filter-icon";
import { useState, type ReactNode } from "react";
import { areas, connectionKinds, severities, type AuditFilterState } from "./audit-filter.ts";

interface ChoicesProps {
  label: string;
  choices: readonly { value: string; label: string }[];
  chosen: readonly string[];
  onToggle: (value: string) => void;
}

function Choices({ label, choices, chosen, onToggle }: ChoicesProps): ReactNode {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <Select
      isOpen={isOpen}
      onOpenChange={setIsOpen}
      onSelect={(_event, value) => onToggle(String(value))}
      isScrollable
      toggle={(ref) => (
        <MenuToggle
          ref={ref}
          isExpanded={isOpen}
          onClick={() => setIsOpen(!isOpen)}
          {...(chosen.length > 0 ? { badge: <Badge isRead>{chosen.length}</Badge> } : {})}
        >
          {label}
        </MenuToggle>
      )}
    >
      <SelectList>
        {choices.map((choice) => (
          <SelectOption
            key={choice.value}
            value={choice.value}
            hasCheckbox
            isSelected={chosen.includes(choice.value)}
          >
            {choice.label}
          </SelectOption>
        ))}
      </SelectList>
    </Select>
  );
}

interface TextFilterProps {
  label: string;
  category: string;
  value: string;
  onChange: (value: string) => void;
}

/** Searches when it is submitted: each letter would be a search of the whole log. */
function TextFilter({ label, category, value, onChange }: TextFilterProps): ReactNode {
  const [text, setText] = useState(value);
  const [shown, setShown] = useState(value);
  // The address changed by itself, such as by a chip that was closed.
  if (shown !== value) {
    setShown(value);
    setText(value);
  }
  return (
    <ToolbarFilter
      categoryName={category}
      labels={value === "" ? [] : [value]}
      deleteLabel={() => onChange("")}
    >
      <SearchInput
        aria-label={label}
        placeholder={label}
        value={text}
        onChange={(_event, typed) => setText(typed)}
        onSearch={() => onChange(text.trim())}
        onClear={() => onChange("")}
      />
    </ToolbarFilter>
  );
}

function DayFilter({ label, category, value, onChange }: TextFilterProps): ReactNode {
  return (
    <ToolbarFilter
      categoryName={category}
      labels={value === "" ? [] : [value]}
      deleteLabel={() => onChange("")}
    >
      <DatePicker
        aria-label={label}
        placeholder={label}
        value={value}
        buttonAriaLabel={`Choose a day: ${label}`}
        onChange={(_event, day, date) => {
          if (day === "" || date !== undefined) onChange(day);
        }}
      />
    </ToolbarFilter>
  );
}

const toggled = (list: readonly string[], value: string): string[] =>
  list.includes(value) ? list.filter((each) => each !== value) : [...list, value];

const labelOf = (kind: string): string => areas.find(({ value }) => value === kind)?.label ?? kind;

interface AuditToolbarProps {
  state: AuditFilterState;
  /** Whether there may be any among what is listed. */
  hasConnections: boolean;
  actions: ReactNode;
}

export function AuditToolbar({ state, hasConnections, actions }: AuditToolbarProps): ReactNode {
  const { filter, set, clear } = state;
  const { kinds, severity, actor, text, fromDay, toDay } = filter;
  return (
    <Toolbar clearAllFilters={clear} clearFiltersButtonText="Clear all filters">
      <ToolbarContent>
        <ToolbarToggleGroup toggleIcon={<FilterIcon />} breakpoint="xl">
          <TextFilter label="Find in messages" category="Message" value={text} onChange={(q) => set({ q })} />
          <ToolbarGroup variant="filter-group">
            <ToolbarFilter
              categoryName="About"
              labels={kinds.map((kind) => ({ key: kind, node: labelOf(kind) }))}
              deleteLabel={(_category, label) =>
                set({ kind: toggled(kinds, typeof label === "string" ? label : label.key) })
              }
              deleteLabelGroup={() => set({ kind: [] })}
            >
              <Choices
                label="About"
                choices={areas}
                chosen={kinds}
                onToggle={(value) => set({ kind: toggled(kinds, value) })}
              />
            </ToolbarFilter>
            <ToolbarFilter
              categoryName="Severity"
              labels={severity === null ? [] : [severity]}
              deleteLabel={() => set({ severity: "" })}
            >
              <Choices
                label="Severity"
                choices={severities.map((value) => ({ value, label: value }))}
                chosen={severity === null ? [] : [severity]}
                onToggle={(value) => set({ severity: value === severity ? "" : value })}
              />
            </ToolbarFilter>
          </ToolbarGroup>
          <TextFilter label="Who" category="Who" value={actor} onChange={(who) => set({ actor: who })} />
          <ToolbarGroup variant="filter-group">
            <DayFilter label="From" category="From" value={fromDay} onChange={(from) => set({ from })} />
            <DayFilter label="Until" category="Until" value={toDay} onChange={(to) => set({ to })} />
          </ToolbarGroup>
        </ToolbarToggleGroup>
        <ToolbarGroup align={{ default: "alignEnd" }}>
          {hasConnections && (
            <ToolbarItem alignSelf="center">
              <Switch
                id="audit-connections"
                label="Single connections"
                isChecked={filter.withConnections || kinds.includes(connectionKinds)}
                isDisabled={kinds.length > 0}
                onChange={(_event, isOn) => set({ connections: isOn ? "true" : "" })}
              />
            </ToolbarItem>
          )}
          <ToolbarItem>{actions}</ToolbarItem>
        </ToolbarGroup>
      </ToolbarContent>
    </Toolbar>
  );
}
