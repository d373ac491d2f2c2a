import { ExpandableSection, Skeleton } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { CommandSteps, logInStep } from "../own-machine/own-machine.tsx";
import { useKubectlRefusal } from "../own-machine/refusals.tsx";
import type { Device } from "../use-device.ts";
import { InfoCard } from "./info-card.tsx";

function KubectlSteps({ device: { id, name } }: { device: Device }): ReactNode {
  const server = `${location.origin}/api/v1/devices/${id}/cluster`;
  return (
    <>
      <CommandSteps
        steps={[
          logInStep(),
          {
            about: "Once: add the device to your kubeconfig. No token is written there.",
            command: `rciots kubeconfig ${name}`,
          },
          { about: "Then as with any cluster", command: `kubectl --context ${name} get pods` },
        ]}
      />
      <ExpandableSection toggleText="Without the rciots command" className="rciots-card-foot">
        <CommandSteps
          steps={[
            {
              about: (
                <>
                  With an API token (<Link to="/settings/api-tokens">Settings, API tokens</Link>) in
                  RCIOTS_TOKEN
                </>
              ),
              command: `kubectl --server ${server} --token "$RCIOTS_TOKEN" get pods`,
            },
          ]}
        />
      </ExpandableSection>
    </>
  );
}

/** How to use kubectl on the device's cluster, from where it is at hand. */
export function KubectlCard({ device }: { device: Device }): ReactNode {
  const refusal = useKubectlRefusal(device);
  return (
    <InfoCard title="Use kubectl">
      {refusal === undefined && <Skeleton screenreaderText="Loading what you may do" />}
      {refusal === null && <KubectlSteps device={device} />}
      {refusal !== undefined && refusal !== null && <span className="rciots-muted">{refusal}</span>}
    </InfoCard>
  );
}
