import type { ReactNode } from "react";
import type { Device } from "../use-device.ts";
import { Facts, InfoCard } from "./info-card.tsx";

const gib = 1_073_741_824;

const text = (value: unknown): string | null =>
  typeof value === "string" || typeof value === "number" ? String(value) : null;

function clockOf(offsetMs: unknown): string | null {
  if (typeof offsetMs !== "number" || offsetMs === 0) return null;
  const seconds = Math.round(Math.abs(offsetMs) / 1_000);
  return `${seconds} s ${offsetMs > 0 ? "ahead" : "behind"}`;
}

function clusterOf({ clusterKind, clusterVersion }: Device["facts"]): string | null {
  const words = [text(clusterKind), text(clusterVersion)].filter((word) => word !== null);
  return words.length === 0 ? null : words.join(" ");
}

/** What the device says of itself. */
export function FactsCard({ device: { facts } }: { device: Device }): ReactNode {
  const { addresses, memoryBytes, cpuCount } = facts;
  const size = typeof memoryBytes === "number" ? `${(memoryBytes / gib).toFixed(1)} GiB` : null;
  const rows = [
    ["Host", text(facts["hostname"])],
    ["System", text(facts["os"])],
    ["Kernel", text(facts["kernel"])],
    [
      "Processor",
      [text(facts["architecture"]), cpuCount && `${text(cpuCount) ?? ""} cores`].filter(Boolean).join(", "),
    ],
    ["Memory", size],
    ["Addresses", Array.isArray(addresses) && addresses.length > 0 ? addresses.map(String).join(", ") : null],
    ["Cluster", clusterOf(facts)],
    ["Agent", text(facts["agentVersion"])],
    ["Clock", clockOf(facts["clockOffsetMs"])],
    ["Kind", facts["simulated"] === true ? "simulated" : null],
  ] as const;
  const known = rows.filter(([, value]) => value !== null && value !== "");
  return (
    <InfoCard title="System">
      {known.length === 0 ? (
        <span className="rciots-muted">The device has not said anything of itself yet.</span>
      ) : (
        <Facts facts={known} />
      )}
    </InfoCard>
  );
}
