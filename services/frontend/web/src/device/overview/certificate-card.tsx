import { Label } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { CopyableId } from "../../components/copyable-id.tsx";
import { TimeAgo } from "../../components/time-ago.tsx";
import { useNow } from "../../components/use-now.ts";
import type { Device } from "../use-device.ts";
import { Facts, InfoCard } from "./info-card.tsx";

const soonMs = 14 * 86_400_000;

export function CertificateCard({ device: { id, certificate } }: { device: Device }): ReactNode {
  const now = useNow();
  if (certificate === null) {
    return (
      <InfoCard title="Certificate">
        <span className="rciots-muted">It has none: it gets one when it is approved and asks.</span>
      </InfoCard>
    );
  }
  const leftMs = Date.parse(certificate.notAfter) - now;
  return (
    <InfoCard title="Certificate" action={<Link to={`/devices/${id}/certificates`}>All certificates</Link>}>
      <Facts
        facts={[
          ["Serial", <CopyableId key="serial" value={certificate.serial} />],
          [
            leftMs > 0 ? "Expires" : "Expired",
            <span key="expiry">
              <TimeAgo at={certificate.notAfter} />{" "}
              {leftMs <= 0 && (
                <Label isCompact status="danger">
                  Expired
                </Label>
              )}
              {leftMs > 0 && leftMs < soonMs && (
                <Label isCompact status="warning">
                  Soon
                </Label>
              )}
            </span>,
          ],
          ["Renewal", <span key="renewal">by itself, at two thirds of its life</span>],
        ]}
      />
    </InfoCard>
  );
}
