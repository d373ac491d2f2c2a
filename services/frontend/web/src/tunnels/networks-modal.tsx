import { FormGroup, TextArea } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { ifMatch, unwrap } from "../api/client.ts";
import { FormModal } from "../components/form-modal.tsx";
import { useToasts } from "../components/toasts.ts";
import type { Tunnel } from "./tunnel-queries.ts";
import { networksOf } from "./tunnel-words.ts";

/** Who may connect to a port; those that may no longer are cut. */
export function NetworksModal({ tunnel, onClose }: { tunnel: Tunnel; onClose: () => void }): ReactNode {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  const [text, setText] = useState(tunnel.allowFrom.join("\n"));
  const change = useMutation({
    mutationFn: () =>
      unwrap(
        api.PATCH("/api/v1/devices/{id}/tunnels/{tunnelId}", {
          params: {
            path: { id: tunnel.deviceId, tunnelId: tunnel.id },
            header: ifMatch(tunnel.version),
          },
          body: { allowFrom: networksOf(text) },
        }),
      ),
    async onSuccess() {
      toasts.add({ title: "The networks were changed" });
      onClose();
      await queries.invalidateQueries({ queryKey: ["tunnels"] });
    },
  });
  return (
    <FormModal
      title="Who may connect"
      description={`To port ${tunnel.port}. Connections from elsewhere are cut at once.`}
      submitLabel="Save"
      isReady={networksOf(text).length > 0}
      isPending={change.isPending}
      error={change.error}
      onSubmit={() => change.mutate()}
      onClose={onClose}
    >
      <FormGroup label="Addresses and networks, one a line" fieldId="tunnel-networks" isRequired>
        <TextArea
          id="tunnel-networks"
          value={text}
          rows={5}
          resizeOrientation="vertical"
          spellCheck="false"
          onChange={(_event, value) => setText(value)}
        />
      </FormGroup>
    </FormModal>
  );
}
