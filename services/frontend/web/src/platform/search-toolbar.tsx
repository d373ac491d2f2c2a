import { SearchInput, Toolbar, ToolbarContent, ToolbarFilter, ToolbarItem } from "@patternfly/react-core";
import { useState, type ReactNode } from "react";
import { useSearchParams } from "react-router";
import { ChoiceField } from "../components/choice-field.tsx";

interface SearchToolbarProps {
  placeholder: string;
  statuses: readonly { value: string; label: string }[];
  actions?: ReactNode;
}

/** A search and a status, both in the page's address as `q` and `status`. */
export function SearchToolbar({ placeholder, statuses, actions }: SearchToolbarProps): ReactNode {
  const [search, setSearch] = useSearchParams();
  const [text, setText] = useState(search.get("q") ?? "");
  const status = search.get("status") ?? "";
  const set = (name: string, value: string): void =>
    setSearch(
      (before) => {
        const after = new URLSearchParams(before);
        if (value === "") after.delete(name);
        else after.set(name, value);
        return after;
      },
      { replace: true },
    );
  const find = (value: string): void => {
    setText(value);
    set("q", value.trim());
  };
  const q = search.get("q") ?? "";
  return (
    <Toolbar
      clearAllFilters={() => {
        setText("");
        setSearch({}, { replace: true });
      }}
    >
      <ToolbarContent>
        <ToolbarFilter categoryName="Search" labels={q === "" ? [] : [q]} deleteLabel={() => find("")}>
          <SearchInput
            aria-label={placeholder}
            placeholder={placeholder}
            value={text}
            onChange={(_event, value) => setText(value)}
            onSearch={() => find(text)}
            onClear={() => find("")}
          />
        </ToolbarFilter>
        <ToolbarFilter
          categoryName="Status"
          labels={status === "" ? [] : [status]}
          deleteLabel={() => set("status", "")}
        >
          <ChoiceField
            id="status-filter"
            label="Status"
            value={status}
            choices={[{ value: "", label: "Any status" }, ...statuses]}
            onChange={(value) => set("status", value)}
          />
        </ToolbarFilter>
        {actions !== undefined && <ToolbarItem align={{ default: "alignEnd" }}>{actions}</ToolbarItem>}
      </ToolbarContent>
    </Toolbar>
  );
}
