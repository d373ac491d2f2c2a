import {
  EmptyState,
  EmptyStateBody,
  Label,
  Button,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useApi } from "../../api/api-context.ts";
import { unwrap, type Schema } from "../../api/client.ts";
import { CopyableId } from "../../components/copyable-id.tsx";
import { ErrorState } from "../../components/error-state.tsx";
import { PageLoading } from "../../components/page-loading.tsx";
import { TimeAgo } from "../../components/time-ago.tsx";
import { useNow } from "../../components/use-now.ts";
import { useMay } from "../../session/session.ts";
import { RevokeModal } from "../final-modals.tsx";
import type { Device } from "../use-device.ts";

type Certificate = Schema<"Certificate">;

function Validity({ certificate, inUse }: { certificate: Certificate; inUse: boolean }): ReactNode {
  const now = useNow();
  if (certificate.revokedAt !== null) {
    return (
      <>
        <Label isCompact status="danger">
          Revoked
        </Label>{" "}
        <TimeAgo at={certificate.revokedAt} />
      </>
    );
  }
  if (Date.parse(certificate.notAfter) < now) return <Label isCompact>Expired</Label>;
  return (
    <Label isCompact status={inUse ? "success" : "info"}>
      {inUse ? "In use" : "Valid"}
    </Label>
  );
}

/** Every certificate the device was given. */
export function CertificatesTab({ device }: { device: Device }): ReactNode {
  const api = useApi();
  const { id } = device;
  const [isRevoking, setIsRevoking] = useState(false);
  const mayRevoke = useMay("operator");
  const query = useQuery({
    queryKey: ["devices", id, "certificates"],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/v1/devices/{id}/certificates", { params: { path: { id } }, signal })),
  });
  if (query.isPending) return <PageLoading label="Loading certificates" />;
  if (query.isError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const { items } = query.data;
  if (items.length === 0) {
    return (
      <EmptyState titleText="No certificate yet" headingLevel="h2">
        <EmptyStateBody>It gets one when it is approved and asks.</EmptyStateBody>
      </EmptyState>
    );
  }
  const isAnyGood = items.some(({ revokedAt }) => revokedAt === null);
  return (
    <>
      {mayRevoke && (
        <Toolbar>
          <ToolbarContent>
            <ToolbarItem>
              <Button
                variant="secondary"
                isDanger
                isAriaDisabled={!isAnyGood}
                onClick={() => setIsRevoking(true)}
              >
                Revoke all
              </Button>
            </ToolbarItem>
          </ToolbarContent>
        </Toolbar>
      )}
      <Table variant="compact" aria-label="Certificates, newest first">
        <Thead>
          <Tr>
            <Th>Serial</Th>
            <Th>Issued</Th>
            <Th>Expires</Th>
            <Th>Standing</Th>
          </Tr>
        </Thead>
        <Tbody>
          {items.map((certificate) => (
            <Tr key={certificate.serial}>
              <Td dataLabel="Serial">
                <CopyableId value={certificate.serial} />
              </Td>
              <Td dataLabel="Issued">
                <TimeAgo at={certificate.notBefore} />
              </Td>
              <Td dataLabel="Expires">
                <TimeAgo at={certificate.notAfter} />
              </Td>
              <Td dataLabel="Standing">
                <Validity
                  certificate={certificate}
                  inUse={device.certificate?.serial === certificate.serial}
                />
              </Td>
            </Tr>
          ))}
        </Tbody>
      </Table>
      {isRevoking && <RevokeModal device={device} onClose={() => setIsRevoking(false)} />}
    </>
  );
}
