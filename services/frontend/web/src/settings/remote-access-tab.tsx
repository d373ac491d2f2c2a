import {
  ActionGroup,
  Button,
  Form,
  FormGroup,
  FormHelperText,
  FormSection,
  FormSelect,
  FormSelectOption,
  HelperText,
  HelperTextItem,
} from "@patternfly/react-core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { ifMatch, unwrap, type Api, type Schema } from "../api/client.ts";
import { ErrorState } from "../components/error-state.tsx";
import { PageLoading } from "../components/page-loading.tsx";
import { ProblemAlert } from "../components/problem-alert.tsx";
import { useToasts } from "../components/toasts.ts";
import { useMay, type Role } from "../session/session.ts";
import { networksOf } from "../tunnels/tunnel-words.ts";
import { DeviceTunnelsSection, type DeviceTunnelsDraft } from "./device-tunnels-section.tsx";

type RemoteAccess = Schema<"RemoteAccess">;
type ClusterAccess = RemoteAccess["clusterApi"][Role];

interface Versioned {
  settings: RemoteAccess;
  version: number;
}

async function readSettings(api: Api, signal: AbortSignal): Promise<Versioned> {
  const call = api.GET("/api/v1/organization/remote-access", { signal });
  const settings = await unwrap(call);
  const { response } = await call;
  return { settings, version: Number((response.headers.get("etag") ?? "").replaceAll('"', "")) };
}

const people: Record<Role, string> = {
  viewer: "Viewers",
  operator: "Operators",
  admin: "Administrators",
  owner: "Owners",
};
const roles = Object.keys(people) as Role[];

const accesses: Record<ClusterAccess, string> = {
  none: "Nothing",
  view: "view: look at everything but Secrets",
  edit: "edit: change workloads, read Secrets, enter containers",
  admin: "admin: that, and roles within namespaces",
  "cluster-admin": "cluster-admin: anything",
};

const terminals = {
  "": "Nobody",
  operator: "Operators and above",
  admin: "Administrators and owners",
  owner: "Owners",
} as const;

const draftOf = ({ deviceTunnels }: RemoteAccess): DeviceTunnelsDraft => ({
  isAllowed: deviceTunnels !== null,
  networks: deviceTunnels?.allowFrom.join("\n") ?? "",
});
const deviceTunnelsOf = ({ isAllowed, networks }: DeviceTunnelsDraft): RemoteAccess["deviceTunnels"] =>
  isAllowed ? { allowFrom: networksOf(networks) } : null;

function RemoteAccessForm({ settings, version }: Versioned): ReactNode {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  const may = useMay("owner");
  const [clusterApi, setClusterApi] = useState(settings.clusterApi);
  const [terminal, setTerminal] = useState(settings.terminal);
  const [ofDevices, setOfDevices] = useState(draftOf(settings));
  const wanted: RemoteAccess = { clusterApi, terminal, deviceTunnels: deviceTunnelsOf(ofDevices) };
  const save = useMutation({
    mutationFn: () =>
      unwrap(
        api.PUT("/api/v1/organization/remote-access", {
          headers: ifMatch(version),
          body: wanted,
        }),
      ),
    async onSuccess() {
      toasts.add({ title: "Remote access was saved" });
      await queries.invalidateQueries({ queryKey: ["remote-access"] });
    },
  });
  const isWhole = wanted.deviceTunnels === null || wanted.deviceTunnels.allowFrom.length > 0;
  const isChanged = isWhole && JSON.stringify(wanted) !== JSON.stringify(settings);
  return (
    <Form
      isWidthLimited
      onSubmit={(event) => {
        event.preventDefault();
        if (isChanged) save.mutate();
      }}
    >
      <p>
        What people may do on devices, and what devices may ask for. It takes force at once, also for what is
        open, and only on devices whose agent allows it too. {!may && "Owners can change it."}
      </p>
      <FormSection title="Terminals" titleElement="h2">
        <FormGroup label="Who opens terminals" fieldId="remote-terminal">
          <FormSelect
            id="remote-terminal"
            value={terminal ?? ""}
            isDisabled={!may}
            aria-describedby="remote-terminal-help"
            onChange={(_event, value) =>
              setTerminal(value === "" ? null : (value as NonNullable<RemoteAccess["terminal"]>))
            }
          >
            {Object.entries(terminals).map(([value, label]) => (
              <FormSelectOption key={value} value={value} label={label} />
            ))}
          </FormSelect>
          <FormHelperText id="remote-terminal-help">
            <HelperText>
              <HelperTextItem>
                On the device itself and in its containers, where its agent runs with --terminal.
              </HelperTextItem>
            </HelperText>
          </FormHelperText>
        </FormGroup>
      </FormSection>
      <FormSection title="kubectl" titleElement="h2">
        {roles.map((role) => (
          <FormGroup
            key={role}
            label={`As what clusters take ${people[role].toLowerCase()}`}
            fieldId={`remote-${role}`}
          >
            <FormSelect
              id={`remote-${role}`}
              value={clusterApi[role]}
              isDisabled={!may}
              onChange={(_event, value) => setClusterApi({ ...clusterApi, [role]: value as ClusterAccess })}
            >
              {Object.entries(accesses).map(([value, label]) => (
                <FormSelectOption key={value} value={value} label={label} />
              ))}
            </FormSelect>
          </FormGroup>
        ))}
      </FormSection>
      <DeviceTunnelsSection draft={ofDevices} isDisabled={!may} onChange={setOfDevices} />
      <ProblemAlert error={save.error} title="Remote access could not be saved" />
      {may && (
        <ActionGroup>
          <Button type="submit" isDisabled={!isChanged || save.isPending} isLoading={save.isPending}>
            Save
          </Button>
        </ActionGroup>
      )}
    </Form>
  );
}

/** What the organisation's people may do on devices, and its devices may ask for. */
export function RemoteAccessTab(): ReactNode {
  const api = useApi();
  const query = useQuery({
    queryKey: ["remote-access", "settings"],
    queryFn: ({ signal }) => readSettings(api, signal),
  });
  if (query.isPending) return <PageLoading />;
  if (query.isError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  return <RemoteAccessForm key={query.data.version} {...query.data} />;
}
