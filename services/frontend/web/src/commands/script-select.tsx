import { FormSelect, FormSelectOption } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import type { Script } from "./command-draft.ts";

const maxShown = 500;

export function useScripts() {
  const api = useApi();
  return useQuery({
    queryKey: ["scripts", "choices"],
    queryFn: async ({ signal }) => {
      const query = { limit: maxShown };
      const { items } = await unwrap(api.GET("/api/v1/scripts", { params: { query }, signal }));
      return items.sort((a, b) => a.name.localeCompare(b.name));
    },
  });
}

/** Chooses a saved script by its name. */
export function ScriptSelect(props: {
  id: string;
  script: Script | null;
  onChange: (script: Script) => void;
}): ReactNode {
  const { id, script, onChange } = props;
  const scripts = useScripts().data ?? [];
  return (
    <FormSelect
      id={id}
      value={script?.id ?? ""}
      onChange={(_event, chosen) => {
        const found = scripts.find((each) => each.id === chosen);
        if (found !== undefined) onChange(found);
      }}
    >
      <FormSelectOption
        value=""
        isDisabled
        label={scripts.length === 0 ? "There is no saved script yet" : "Choose a script"}
      />
      {scripts.map((each) => (
        <FormSelectOption key={each.id} value={each.id} label={each.name} />
      ))}
    </FormSelect>
  );
}
