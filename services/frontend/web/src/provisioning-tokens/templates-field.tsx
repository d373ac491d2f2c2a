import {
  Alert,
  Checkbox,
  FormGroup,
  HelperText,
  HelperTextItem,
  SearchInput,
  Skeleton,
} from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { problemOf } from "../api/problem.ts";

function useTemplates() {
  const api = useApi();
  return useQuery({
    queryKey: ["templates", "choices"],
    queryFn: async ({ signal }) => {
      const page = await unwrap(api.GET("/api/v1/templates", { params: { query: { limit: 500 } }, signal }));
      return page.items.map(({ id, name }) => ({ id, name }));
    },
  });
}

interface TemplatesFieldProps {
  chosen: readonly string[];
  onChange: (ids: string[]) => void;
}

const searchFrom = 8;
const maxTemplates = 20;

export function TemplatesField({ chosen, onChange }: TemplatesFieldProps): ReactNode {
  const [q, setQ] = useState("");
  const templates = useTemplates();
  const all = templates.data ?? [];
  const shown = all.filter(({ name }) => name.toLowerCase().includes(q.trim().toLowerCase()));
  const toggle = (id: string, isChosen: boolean): void =>
    onChange(isChosen ? [...chosen, id] : chosen.filter((other) => other !== id));
  return (
    <FormGroup role="group" label="Templates" fieldId="token-templates">
      <HelperText>
        <HelperTextItem>
          {all.length === 0 && templates.isSuccess
            ? "There are none yet. They can be assigned to devices at any time."
            : "Assigned to each device that enrols with the token, so that it runs them at once."}
        </HelperTextItem>
      </HelperText>
      {templates.isPending && <Skeleton screenreaderText="Loading templates" />}
      {templates.isError && (
        <Alert isInline variant="warning" title="The templates could not be loaded">
          {problemOf(templates.error).detail}
        </Alert>
      )}
      {all.length >= searchFrom && (
        <SearchInput
          aria-label="Find a template by name"
          placeholder="Find by name"
          value={q}
          onChange={(_event, next) => setQ(next)}
          onClear={() => setQ("")}
        />
      )}
      <div className="rciots-choices">
        {shown.map(({ id, name }) => (
          <Checkbox
            key={id}
            id={id}
            label={name}
            isChecked={chosen.includes(id)}
            isDisabled={!chosen.includes(id) && chosen.length >= maxTemplates}
            onChange={(_event, isChosen) => toggle(id, isChosen)}
          />
        ))}
      </div>
    </FormGroup>
  );
}
