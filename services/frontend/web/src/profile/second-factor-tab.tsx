import {
  Button,
  DescriptionList,
  DescriptionListDescription,
  DescriptionListGroup,
  DescriptionListTerm,
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
  Alert,
  Flex,
  Label,
} from "@patternfly/react-core";
import { ShieldAltIcon } from "@patternfly/react-icons/dist/esm/icons/shield-alt-icon";
import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { ErrorState } from "../components/error-state.tsx";
import { PageLoading } from "../components/page-loading.tsx";
import { TimeAgo } from "../components/time-ago.tsx";
import { DisableModal } from "./disable-modal.tsx";
import { EnrolModal } from "./enrol-modal.tsx";
import { RenewCodesModal } from "./renew-codes-modal.tsx";

type Dialog = "enrol" | "renew" | "disable";

const fewCodes = 3;

function Off({ onEnrol }: { onEnrol: () => void }): ReactNode {
  return (
    <EmptyState titleText="Your password alone signs you in" headingLevel="h2" icon={ShieldAltIcon}>
      <EmptyStateBody>
        With a second factor, signing in takes a code of an app on your phone too. Somebody who has your
        password can't do anything with it alone.
      </EmptyStateBody>
      <EmptyStateFooter>
        <EmptyStateActions>
          <Button onClick={onEnrol}>Set up a second factor</Button>
        </EmptyStateActions>
      </EmptyStateFooter>
    </EmptyState>
  );
}

function On(props: { enabledAt: string | null; left: number; onOpen: (dialog: Dialog) => void }): ReactNode {
  const { enabledAt, left, onOpen } = props;
  return (
    <Flex direction={{ default: "column" }} gap={{ default: "gapLg" }}>
      {left < fewCodes && (
        <Alert
          variant="warning"
          isInline
          title={`${left === 1 ? "1 recovery code is" : `${left} recovery codes are`} left`}
        >
          Make new ones, so that you get in when your phone is gone.
        </Alert>
      )}
      <DescriptionList isHorizontal>
        <DescriptionListGroup>
          <DescriptionListTerm>Authenticator app</DescriptionListTerm>
          <DescriptionListDescription>
            <Label color="green">On</Label> since <TimeAgo at={enabledAt} />
          </DescriptionListDescription>
        </DescriptionListGroup>
        <DescriptionListGroup>
          <DescriptionListTerm>Recovery codes</DescriptionListTerm>
          <DescriptionListDescription>{left} of 10 left</DescriptionListDescription>
        </DescriptionListGroup>
      </DescriptionList>
      <Flex gap={{ default: "gapSm" }}>
        <Button variant="secondary" onClick={() => onOpen("renew")}>
          Make new recovery codes
        </Button>
        <Button variant="secondary" isDanger onClick={() => onOpen("disable")}>
          Turn off
        </Button>
      </Flex>
    </Flex>
  );
}

/** The code that signing in takes beside the password. */
export function SecondFactorTab(): ReactNode {
  const api = useApi();
  const [dialog, setDialog] = useState<Dialog | null>(null);
  const secondFactor = useQuery({
    queryKey: ["second-factor"],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/me/second-factor", { signal })),
  });
  if (secondFactor.isPending) return <PageLoading />;
  if (secondFactor.isError) {
    return <ErrorState error={secondFactor.error} onRetry={() => void secondFactor.refetch()} />;
  }
  const { enabled, enabledAt, recoveryCodesLeft } = secondFactor.data;
  const close = (): void => setDialog(null);
  return (
    <>
      {enabled ? (
        <On enabledAt={enabledAt} left={recoveryCodesLeft} onOpen={setDialog} />
      ) : (
        <Off onEnrol={() => setDialog("enrol")} />
      )}
      {dialog === "enrol" && <EnrolModal onClose={close} />}
      {dialog === "renew" && <RenewCodesModal onClose={close} />}
      {dialog === "disable" && <DisableModal onClose={close} />}
    </>
  );
}
