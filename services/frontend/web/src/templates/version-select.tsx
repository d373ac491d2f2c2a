import { FormSelect, FormSelectOption } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { useSearchParams } from "react-router";
import { useVersions, type Template } from "./template-queries.ts";

/** The version of the address, or the current one. */
export function useShownVersion(template: Template): string | null {
  const [search] = useSearchParams();
  return search.get("version") ?? template.currentVersionId;
}

/** Which version a tab shows; the choice is in the address. */
export function VersionSelect({ template }: { template: Template }): ReactNode {
  const [search, setSearch] = useSearchParams();
  const versions = useVersions(template.id).data?.pages.flatMap(({ items }) => items) ?? [];
  const shown = useShownVersion(template);
  const isListed = versions.some(({ id }) => id === shown);
  return (
    <FormSelect
      aria-label="Version"
      value={shown ?? ""}
      onChange={(_event, id) => {
        const next = new URLSearchParams(search);
        next.set("version", id);
        setSearch(next, { replace: true });
      }}
    >
      {!isListed && <FormSelectOption value={shown ?? ""} label="An earlier version" />}
      {versions.map(({ id, number, isCurrent }) => (
        <FormSelectOption
          key={id}
          value={id}
          label={isCurrent ? `Version ${number} (current)` : `Version ${number}`}
        />
      ))}
    </FormSelect>
  );
}
