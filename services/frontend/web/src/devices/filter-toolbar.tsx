import {
  Button,
  MenuToggle,
  SearchInput,
  Select,
  SelectList,
  SelectOption,
  TextInputGroup,
  TextInputGroupMain,
  ToolbarFilter,
  ToolbarGroup,
  ToolbarItem,
  ToolbarToggleGroup,
} from "@patternfly/react-core";
import { FilterIcon } from "@patternfly/react-icons/dist/esm/icons/filter-icon";
import { useEffect, useState, type ReactNode } from "react";
import { stateNames, statusNames, type DeviceFilter } from "./device-filter.ts";
import { useTemplateNames } from "./use-template-names.ts";

interface FilterProps {
  filter: DeviceFilter;
  change: (part: Partial<DeviceFilter>) => void;
}

interface ChoiceProps<Value extends string> {
  title: string;
  names: Partial<Record<Value, string>>;
  chosen: readonly Value[];
  onChange: (chosen: Value[]) => void;
  isSingle?: boolean;
}

/** A filter with a few values: a select with check boxes, its choices as chips. */
function Choice<Value extends string>({
  title,
  names,
  chosen,
  onChange,
  isSingle = false,
}: ChoiceProps<Value>): ReactNode {
  const [isOpen, setIsOpen] = useState(false);
  const nameOf = (value: Value): string => names[value] ?? value;
  const toggle = (value: Value): void => {
    if (isSingle) setIsOpen(false);
    if (chosen.includes(value)) onChange(chosen.filter((other) => other !== value));
    else onChange(isSingle ? [value] : [...chosen, value]);
  };
  return (
    <ToolbarFilter
      categoryName={title}
      labels={chosen.map((value) => ({ key: value, node: nameOf(value) }))}
      deleteLabel={(_category, label) =>
        onChange(chosen.filter((value) => value !== (typeof label === "string" ? label : label.key)))
      }
      deleteLabelGroup={() => onChange([])}
    >
      <Select
        isOpen={isOpen}
        onOpenChange={setIsOpen}
        onSelect={(_event, value) => toggle(value as Value)}
        isScrollable
        toggle={(ref) => (
          <MenuToggle ref={ref} isExpanded={isOpen} onClick={() => setIsOpen(!isOpen)}>
            {title}
          </MenuToggle>
        )}
      >
        <SelectList>
          {(Object.keys(names) as Value[]).map((value) => (
            <SelectOption
              key={value}
              value={value}
              isSelected={chosen.includes(value)}
              {...(isSingle ? {} : { hasCheckbox: true })}
            >
              {nameOf(value)}
            </SelectOption>
          ))}
        </SelectList>
      </Select>
    </ToolbarFilter>
  );
}

/** Text becomes part of the address a moment after the last key. */
function Search({ filter, change }: FilterProps): ReactNode {
  const [text, setText] = useState(filter.q);
  const [known, setKnown] = useState(filter.q);
  if (known !== filter.q) {
    setKnown(filter.q);
    setText(filter.q);
  }
  useEffect(() => {
    if (text === filter.q) return undefined;
    const timer = window.setTimeout(() => change({ q: text }), 300);
    return () => window.clearTimeout(timer);
  });
  return (
    <SearchInput
      aria-label="Search devices"
      placeholder="Name, id, label or host"
      value={text}
      onChange={(_event, value) => setText(value.slice(0, 128))}
      onSearch={() => change({ q: text })}
      onClear={() => {
        setText("");
        change({ q: "" });
      }}
    />
  );
}

/** A label is typed, such as `site=berlin`, and taken with Enter. */
function LabelFilter({ filter, change }: FilterProps): ReactNode {
  const [text, setText] = useState("");
  const add = (): void => {
    const label = text.trim();
    if (label === "") return;
    setText("");
    if (!filter.label.includes(label)) change({ label: [...filter.label, label] });
  };
  return (
    <ToolbarFilter
      categoryName="Label"
      labels={filter.label}
      deleteLabel={(_category, label) =>
        change({
          label: filter.label.filter((other) => other !== (typeof label === "string" ? label : label.key)),
        })
      }
      deleteLabelGroup={() => change({ label: [] })}
    >
      <TextInputGroup className="rciots-label-filter">
        <TextInputGroupMain
          aria-label="Filter by label"
          placeholder="site=berlin"
          value={text}
          onChange={(_event, value) => setText(value.slice(0, 200))}
          onKeyDown={(event) => {
            if (event.key === "Enter") add();
          }}
        />
        {text !== "" && (
          <Button variant="plain" onClick={add}>
            Add
          </Button>
        )}
      </TextInputGroup>
    </ToolbarFilter>
  );
}

const presences = { true: "Online", false: "Offline" } as const;

export function DeviceFilters({ filter, change }: FilterProps): ReactNode {
  const templates = useTemplateNames();
  return (
    <>
      <ToolbarItem className="rciots-search">
        <Search filter={filter} change={change} />
      </ToolbarItem>
      <ToolbarToggleGroup toggleIcon={<FilterIcon />} breakpoint="xl">
        <ToolbarGroup variant="filter-group">
          <Choice
            title="Connection"
            names={presences}
            chosen={filter.online === null ? [] : [filter.online]}
            onChange={([online = null]) => change({ online })}
            isSingle
          />
          <Choice
            title="Status"
            names={statusNames}
            chosen={filter.status}
            onChange={(status) => change({ status })}
          />
          <Choice
            title="State"
            names={stateNames}
            chosen={filter.state}
            onChange={(state) => change({ state })}
          />
          <Choice
            title="Template"
            names={templates}
            chosen={filter.templateId === null ? [] : [filter.templateId]}
            onChange={([templateId = null]) => change({ templateId })}
            isSingle
          />
          <LabelFilter filter={filter} change={change} />
        </ToolbarGroup>
      </ToolbarToggleGroup>
    </>
  );
}
