import { FormGroup, Radio } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { ChoiceField } from "../components/choice-field.tsx";
import { FormModal } from "../components/form-modal.tsx";
import { TextField } from "../components/text-field.tsx";
import { useToasts } from "../components/toasts.ts";
import { networksOf } from "./tunnel-words.ts";

const protocols = ["ssh", "http", "https", "rdp", "vnc", "postgresql", "other"] as const;
const schemes = [
  { value: "http", label: "http" },
  { value: "https", label: "https" },
] as const;

interface Fields {
  kind: "web" | "port";
  name: string;
  host: string;
  port: string;
  scheme: "http" | "https";
  protocol: (typeof protocols)[number];
  allowFrom: string;
  idleMinutes: string;
}

const start: Fields = {
  kind: "port",
  name: "",
  host: "127.0.0.1",
  port: "22",
  scheme: "http",
  protocol: "ssh",
  allowFrom: "",
  idleMinutes: "",
};

const isPort = (text: string): boolean =>
  /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;
const portFault = (text: string): string | null =>
  isPort(text) ? null : "A port is a number from 1 to 65535.";
const minutesFault = (text: string): string | null =>
  text === "" || /^[1-9]\d{0,4}$/.test(text) ? null : "Minutes are a whole number.";

function useOpen(deviceId: string, onOpened: () => void) {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  return useMutation({
    async mutationFn(fields: Fields) {
      const { kind, name, host, port, scheme, protocol, allowFrom, idleMinutes } = fields;
      const target = { host, port: Number(port) };
      const params = { path: { id: deviceId } };
      if (kind === "web")
        return unwrap(
          api.POST("/api/v1/devices/{id}/web-tunnels", { params, body: { name, target, scheme } }),
        );
      const networks = networksOf(allowFrom);
      return unwrap(
        api.POST("/api/v1/devices/{id}/tunnels", {
          params,
          body: {
            name,
            target,
            protocol: protocol === "other" ? null : protocol,
            idleTimeoutMs: idleMinutes === "" ? null : Number(idleMinutes) * 60_000,
            ...(networks.length === 0 ? {} : { allowFrom: networks }),
          },
        }),
      );
    },
    async onSuccess() {
      toasts.add({ title: "The tunnel was opened" });
      onOpened();
      await queries.invalidateQueries({ queryKey: ["tunnels"] });
    },
  });
}

interface PartProps {
  fields: Fields;
  set: (change: Partial<Fields>) => void;
}

function PortFields({ fields, set }: PartProps): ReactNode {
  return (
    <>
      <FormGroup label="What is spoken there" fieldId="tunnel-protocol">
        <ChoiceField
          id="tunnel-protocol"
          value={fields.protocol}
          choices={protocols.map((value) => ({ value, label: value }))}
          onChange={(protocol) => set({ protocol })}
        />
      </FormGroup>
      <TextField
        id="tunnel-allow"
        label="Who may connect"
        value={fields.allowFrom}
        isRequired={false}
        help="Addresses and networks with commas between. Empty: only the address that you come from."
        onChange={(allowFrom) => set({ allowFrom })}
      />
      <TextField
        id="tunnel-idle"
        label="Close after minutes without use"
        value={fields.idleMinutes}
        isRequired={false}
        inputMode="numeric"
        faultOf={minutesFault}
        help="Empty: it stays until somebody closes it."
        onChange={(idleMinutes) => set({ idleMinutes })}
      />
    </>
  );
}

function KindField({ fields, set }: PartProps): ReactNode {
  return (
    <FormGroup role="radiogroup" label="How it is used" fieldId="tunnel-kind" isStack>
      <Radio
        id="tunnel-kind-port"
        name="tunnel-kind"
        label="By a port of the platform"
        description="For SSH, RDP, databases and any other TCP."
        isChecked={fields.kind === "port"}
        onChange={() => set({ kind: "port" })}
      />
      <Radio
        id="tunnel-kind-web"
        name="tunnel-kind"
        label="In the browser, at a name of its own"
        description="For web pages, behind the console's sign-in. No port is opened."
        isChecked={fields.kind === "web"}
        onChange={() => set({ kind: "web" })}
      />
    </FormGroup>
  );
}

/** What a new tunnel leads to, and for whom. */
export function OpenTunnelModal({ deviceId, onClose }: { deviceId: string; onClose: () => void }): ReactNode {
  const [fields, setFields] = useState(start);
  const open = useOpen(deviceId, onClose);
  const set = (change: Partial<Fields>): void => setFields((before) => ({ ...before, ...change }));
  const isReady = fields.host !== "" && isPort(fields.port) && minutesFault(fields.idleMinutes) === null;
  return (
    <FormModal
      title="Open a tunnel"
      submitLabel="Open"
      isReady={isReady}
      isPending={open.isPending}
      error={open.error}
      onSubmit={() => open.mutate(fields)}
      onClose={onClose}
    >
      <KindField fields={fields} set={set} />
      <TextField
        id="tunnel-host"
        label="Host"
        value={fields.host}
        help="As the device reaches it; 127.0.0.1 is the device itself."
        onChange={(host) => set({ host: host.trim() })}
      />
      <TextField
        id="tunnel-port"
        label="Port"
        value={fields.port}
        inputMode="numeric"
        faultOf={portFault}
        onChange={(port) => set({ port: port.trim() })}
      />
      {fields.kind === "port" ? (
        <PortFields fields={fields} set={set} />
      ) : (
        <FormGroup label="What the server speaks" fieldId="tunnel-scheme">
          <ChoiceField
            id="tunnel-scheme"
            value={fields.scheme}
            choices={schemes}
            onChange={(scheme) => set({ scheme })}
          />
        </FormGroup>
      )}
      <TextField
        id="tunnel-name"
        label="Name"
        value={fields.name}
        isRequired={false}
        help="For people, such as Camera in the hall."
        onChange={(name) => set({ name })}
      />
    </FormModal>
  );
}
