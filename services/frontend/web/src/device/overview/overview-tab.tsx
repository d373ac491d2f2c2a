import { Gallery, GalleryItem } from "@patternfly/react-core";
import type { ReactNode } from "react";
import type { Device } from "../use-device.ts";
import { CertificateCard } from "./certificate-card.tsx";
import { DetailsCard } from "./details-card.tsx";
import { FactsCard } from "./facts-card.tsx";
import { HealthCard } from "./health-card.tsx";
import { KubectlCard } from "./kubectl-card.tsx";
import { LabelsCard } from "./labels-card.tsx";
import { RevisionCard } from "./revision-card.tsx";
import { TemplatesCard } from "./templates-card.tsx";

const cards = [
  RevisionCard,
  HealthCard,
  TemplatesCard,
  DetailsCard,
  LabelsCard,
  CertificateCard,
  FactsCard,
  KubectlCard,
];

export function OverviewTab({ device }: { device: Device }): ReactNode {
  return (
    <Gallery hasGutter minWidths={{ default: "100%", md: "22rem", xl: "26rem" }}>
      {cards.map((Card) => (
        <GalleryItem key={Card.name}>
          <Card device={device} />
        </GalleryItem>
      ))}
    </Gallery>
  );
}
