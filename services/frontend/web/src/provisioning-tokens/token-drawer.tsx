import {
  DescriptionList,
  DrawerActions,
  DrawerCloseButton,
  DrawerHead,
  DrawerPanelBody,
  DrawerPanelContent,
  Flex,
  List,
  ListItem,
  Skeleton,
  Title,
} from "@patternfly/react-core";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { CopyableId } from "../components/copyable-id.tsx";
import { ErrorState } from "../components/error-state.tsx";
import { LabelList } from "../components/label-list.tsx";
import { TimeAgo } from "../components/time-ago.tsx";
import { ActionsMenu } from "./actions-menu.tsx";
import { DeviceStatusLabel } from "./device-status-label.tsx";
import { InstallCommands } from "./install-commands.tsx";
import { TokenStateLabel, UsageMeter } from "./token-labels.tsx";
import { approvalText, Fact, TemplateNames } from "./token-review.tsx";
import type { Token } from "./token.ts";
import type { TokenAction } from "./use-token-actions.tsx";
import { useToken, useTokenDevices } from "./use-tokens.ts";

interface TokenDrawerProps {
  id: string;
  onClose: () => void;
  actionsOf?: ((token: Token) => TokenAction[]) | undefined;
}

export function TokenDrawer({ id, onClose, actionsOf }: TokenDrawerProps): ReactNode {
  const { data: token, isError, error, refetch } = useToken(id);
  return (
    <DrawerPanelContent isResizable defaultSize="34rem" minSize="20rem" aria-label="Provisioning token">
      <DrawerHead>
        <Flex alignItems={{ default: "alignItemsCenter" }} gap={{ default: "gapSm" }}>
          <Title headingLevel="h2">{token?.name ?? "Provisioning token"}</Title>
          {token && <TokenStateLabel token={token} />}
        </Flex>
        <DrawerActions>
          {token && actionsOf !== undefined && <ActionsMenu actions={actionsOf(token)} />}
          <DrawerCloseButton aria-label="Close" onClose={onClose} />
        </DrawerActions>
      </DrawerHead>
      <DrawerPanelBody>
        {isError && <ErrorState error={error} onRetry={() => void refetch()} />}
        {token === undefined && !isError && <Skeleton screenreaderText="Loading the token" />}
        {token && <TokenDetails token={token} />}
      </DrawerPanelBody>
    </DrawerPanelContent>
  );
}

function TokenDetails({ token }: { token: Token }): ReactNode {
  return (
    <div className="rciots-drawer-sections">
      <DescriptionList isHorizontal isCompact aria-label="The token">
        <Fact term="Devices">
          <UsageMeter token={token} />
        </Fact>
        <Fact term="Expires">
          <TimeAgo at={token.expiresAt} />
        </Fact>
        <Fact term="Approval">{approvalText(token.approval)}</Fact>
        <Fact term="Labels">
          <LabelList labels={token.labels} max={20} />
        </Fact>
        <Fact term="Templates">
          <TemplateNames ids={token.templateIds} />
        </Fact>
        <Fact term="Begins with">
          <code>{token.hint}</code>
        </Fact>
        <Fact term="Created">
          <TimeAgo at={token.createdAt} />
        </Fact>
        <Fact term="Identifier">
          <CopyableId value={token.id} />
        </Fact>
      </DescriptionList>
      <section>
        <Title headingLevel="h3">Enrolled devices</Title>
        <EnrolledDevices token={token} />
      </section>
      <section>
        <Title headingLevel="h3">Install the agent</Title>
        <InstallCommands install={token.install} hasToken={false} />
      </section>
    </div>
  );
}

function EnrolledDevices({ token }: { token: Token }): ReactNode {
  const devices = useTokenDevices(token.id);
  if (devices.isPending) return <Skeleton screenreaderText="Loading devices" />;
  if (devices.isError) return <ErrorState error={devices.error} onRetry={() => void devices.refetch()} />;
  const { items, nextCursor } = devices.data;
  if (items.length === 0) return <p className="rciots-muted">None yet.</p>;
  return (
    <>
      <List isPlain className="rciots-arrivals">
        {items.map((device) => (
          <ListItem key={device.id}>
            <Flex alignItems={{ default: "alignItemsCenter" }} gap={{ default: "gapSm" }}>
              <Link to={`/devices/${device.id}`}>{device.name}</Link>
              <DeviceStatusLabel device={device} />
              <span className="rciots-muted">
                <TimeAgo at={device.createdAt} />
              </span>
            </Flex>
          </ListItem>
        ))}
      </List>
      {nextCursor !== null && <p className="rciots-muted">These are the newest {items.length}.</p>}
    </>
  );
}
