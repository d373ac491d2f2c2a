import { Button, Card, CardBody, CardTitle, Flex, FlexItem, Icon, Spinner } from "@patternfly/react-core";
import { CheckCircleIcon } from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { ProblemAlert } from "../components/problem-alert.tsx";
import { TimeAgo } from "../components/time-ago.tsx";
import { useToasts } from "../components/toasts.ts";
import { useMay } from "../session/session.ts";
import { DeviceStatusLabel } from "./device-status-label.tsx";
import { useApproveDevice, useTokenDevices, type TokenDevice } from "./use-tokens.ts";

/** Says live which devices arrived with a token, and lets them be approved on the spot. */
export function WaitingForDevice({ tokenId }: { tokenId: string }): ReactNode {
  const devices = useTokenDevices(tokenId, { isWaiting: true });
  const arrived = devices.data?.items ?? [];
  return (
    <Card>
      <CardTitle component="h2">Devices</CardTitle>
      <CardBody>
        <div role="status" className="rciots-arrivals">
          {arrived.length === 0 ? (
            <Flex alignItems={{ default: "alignItemsCenter" }} gap={{ default: "gapSm" }}>
              <Spinner size="md" aria-label="Waiting" />
              <FlexItem>Waiting for the first device. It shows here as soon as the command has run.</FlexItem>
            </Flex>
          ) : (
            arrived.map((device) => <Arrival key={device.id} device={device} />)
          )}
        </div>
      </CardBody>
    </Card>
  );
}

function Arrival({ device }: { device: TokenDevice }): ReactNode {
  const approve = useApproveDevice();
  const toasts = useToasts();
  const mayApprove = useMay("operator");
  const onApprove = (): void =>
    approve.mutate(device.id, {
      onSuccess: () => toasts.add({ title: `${device.name} is approved` }),
    });
  return (
    <>
      <Flex alignItems={{ default: "alignItemsCenter" }} gap={{ default: "gapMd" }}>
        <Flex
          alignItems={{ default: "alignItemsCenter" }}
          gap={{ default: "gapSm" }}
          flex={{ default: "flex_1" }}
        >
          <Icon status="success" isInline>
            <CheckCircleIcon />
          </Icon>
          <FlexItem>
            <Link to={`/devices/${device.id}`}>{device.name}</Link> arrived <TimeAgo at={device.createdAt} />
          </FlexItem>
          <DeviceStatusLabel device={device} />
        </Flex>
        {device.status === "pending" && mayApprove && (
          <Button
            variant="secondary"
            isLoading={approve.isPending}
            isDisabled={approve.isPending}
            onClick={onApprove}
          >
            Approve {device.name}
          </Button>
        )}
      </Flex>
      <ProblemAlert error={approve.error} title={`${device.name} could not be approved`} />
    </>
  );
}
