import { Dropdown, DropdownItem, DropdownList, MenuToggle } from "@patternfly/react-core";
import { DownloadIcon } from "@patternfly/react-icons/dist/esm/icons/download-icon";
import { useMutation } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { useToasts } from "../components/toasts.ts";
import type { AuditScope, EventQuery } from "./audit-filter.ts";

type Format = "csv" | "ndjson";

const formats: { value: Format; label: string; about: string }[] = [
  { value: "csv", label: "CSV", about: "For spreadsheets" },
  { value: "ndjson", label: "NDJSON", about: "For programs: an event on each line" },
];

function saveAs(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Saves all that the filter finds, not only what the page shows. */
export function ExportMenu({ scope, query }: { scope: AuditScope; query: EventQuery }): ReactNode {
  const api = useApi();
  const toasts = useToasts();
  const [isOpen, setIsOpen] = useState(false);
  const save = useMutation({
    async mutationFn(format: Format) {
      // By fetch, because a link can't say which organisation is meant.
      const { deviceId: _deviceId, connections: _connections, ...ofPlatform } = query;
      const blob: Blob = await unwrap(
        scope === "organization"
          ? api.GET("/api/v1/events/export", { params: { query: { ...query, format } }, parseAs: "blob" })
          : api.GET("/api/v1/platform/events/export", {
              params: { query: { ...ofPlatform, format } },
              parseAs: "blob",
            }),
      );
      saveAs(blob, `audit-log-${new Date().toISOString().slice(0, 10)}.${format}`);
    },
    onError: (error) => toasts.addError("The audit log could not be exported", error),
  });
  return (
    <Dropdown
      isOpen={isOpen}
      onOpenChange={setIsOpen}
      popperProps={{ position: "end" }}
      onSelect={(_event, value) => {
        setIsOpen(false);
        const format = formats.find((each) => each.value === value);
        if (format !== undefined) save.mutate(format.value);
      }}
      toggle={(ref) => (
        <MenuToggle
          ref={ref}
          variant="secondary"
          icon={<DownloadIcon />}
          isExpanded={isOpen}
          isDisabled={save.isPending}
          onClick={() => setIsOpen(!isOpen)}
        >
          {save.isPending ? "Exporting" : "Export"}
        </MenuToggle>
      )}
    >
      <DropdownList>
        {formats.map(({ value, label, about }) => (
          <DropdownItem key={value} value={value} description={about}>
            {label}
          </DropdownItem>
        ))}
      </DropdownList>
    </Dropdown>
  );
}
