import {
  Alert,
  Button,
  Card,
  CardBody,
  CardTitle,
  ClipboardCopy,
  Grid,
  GridItem,
  PageSection,
  Stack,
  StackItem,
} from "@patternfly/react-core";
import type { ReactNode } from "react";
import { useNavigate } from "react-router";
import { PageHeader } from "../components/page-header.tsx";
import { InstallCommands } from "./install-commands.tsx";
import type { CreatedToken } from "./use-tokens.ts";
import { WaitingForDevice } from "./waiting-for-device.tsx";

/** The end of the wizard: the token, shown this once, what to run, and who arrives. */
export function CreatedTokenPage({ created }: { created: CreatedToken }): ReactNode {
  const navigate = useNavigate();
  const list = "/provisioning-tokens";
  return (
    <>
      <PageHeader
        title={`${created.name} is ready`}
        breadcrumb={[{ label: "Provisioning tokens", to: list }]}
        actions={
          <Button variant="primary" onClick={() => void navigate(`${list}?token=${created.id}`)}>
            Done
          </Button>
        }
      />
      <PageSection>
        <Grid hasGutter>
          <GridItem>
            <Alert
              isInline
              variant="warning"
              title="Copy the token or a command now. It is not shown again."
            />
          </GridItem>
          <GridItem xl={8}>
            <Card>
              <CardTitle component="h2">Install the agent</CardTitle>
              <CardBody>
                <InstallCommands install={created.install} hasToken />
              </CardBody>
            </Card>
          </GridItem>
          <GridItem xl={4}>
            <Stack hasGutter>
              <StackItem>
                <WaitingForDevice tokenId={created.id} />
              </StackItem>
              <StackItem>
                <Card>
                  <CardTitle component="h2">Token</CardTitle>
                  <CardBody>
                    <ClipboardCopy isReadOnly isCode hoverTip="Copy" clickTip="Copied" textAriaLabel="Token">
                      {created.token}
                    </ClipboardCopy>
                  </CardBody>
                </Card>
              </StackItem>
            </Stack>
          </GridItem>
        </Grid>
      </PageSection>
    </>
  );
}
