import { Divider, Dropdown, DropdownItem, DropdownList, MenuToggle } from "@patternfly/react-core";
import { useState, type ReactNode } from "react";
import { useMay } from "../session/session.ts";
import { DeadlineModal } from "./deadline-modal.tsx";
import { DecommissionModal } from "./decommission-modal.tsx";
import { DeleteModal, RevokeModal } from "./final-modals.tsx";
import { StepModal } from "./step-modal.tsx";
import { steps, type StepName } from "./device-steps.ts";
import type { Device } from "./use-device.ts";

type Choice = StepName | "deadline" | "revoke" | "decommission" | "delete";

interface Entry {
  choice: Choice;
  label: string;
  /** Why it is not possible now. */
  reason: string | undefined;
  isDanger?: boolean;
}

function entriesOf(device: Device): Entry[][] {
  const step = (choice: StepName): Entry => ({
    choice,
    label: steps[choice].label,
    reason: steps[choice].reason(device),
  });
  const isOver = device.status === "decommissioned";
  const isDeletable = isOver || device.status === "denied";
  const over = isOver ? "The device is decommissioned." : undefined;
  const decision = device.status === "pending" || device.status === "denied" ? ["approve", "deny"] : [];
  const standing = device.status === "disabled" ? "enable" : "disable";
  return [
    [...(decision as StepName[]).map(step), step(standing), step("unpin")],
    [
      { choice: "deadline", label: "Set deadline", reason: over },
      { choice: "revoke", label: "Revoke certificates", reason: over, isDanger: true },
      { choice: "decommission", label: "Decommission", reason: over, isDanger: true },
      {
        choice: "delete",
        label: "Delete",
        isDanger: true,
        reason: isDeletable ? undefined : "Decommission the device first.",
      },
    ],
  ];
}

function Dialog({
  choice,
  device,
  onClose,
}: {
  choice: Choice;
  device: Device;
  onClose: () => void;
}): ReactNode {
  switch (choice) {
    case "deadline":
      return <DeadlineModal device={device} onClose={onClose} />;
    case "revoke":
      return <RevokeModal device={device} onClose={onClose} />;
    case "decommission":
      return <DecommissionModal device={device} onClose={onClose} />;
    case "delete":
      return <DeleteModal device={device} onClose={onClose} />;
    default:
      return <StepModal step={steps[choice]} device={device} onClose={onClose} />;
  }
}

/** Everything that can be done with a device as a whole; nothing for those who may only look. */
export function DeviceActions({ device }: { device: Device }): ReactNode {
  const [isOpen, setIsOpen] = useState(false);
  const [choice, setChoice] = useState<Choice | null>(null);
  if (!useMay("operator")) return null;
  const [first = [], second = []] = entriesOf(device);
  const item = ({ choice: key, label, reason, isDanger = false }: Entry): ReactNode => (
    <DropdownItem
      key={key}
      value={key}
      isDanger={isDanger}
      {...(reason === undefined ? {} : { isAriaDisabled: true, description: reason })}
    >
      {label}
    </DropdownItem>
  );
  return (
    <>
      <Dropdown
        isOpen={isOpen}
        onOpenChange={setIsOpen}
        onSelect={(_event, value) => {
          setIsOpen(false);
          setChoice(value as Choice);
        }}
        popperProps={{ position: "end" }}
        toggle={(ref) => (
          <MenuToggle
            ref={ref}
            variant="primary"
            isExpanded={isOpen}
            onClick={() => setIsOpen((open) => !open)}
          >
            Actions
          </MenuToggle>
        )}
      >
        <DropdownList>
          {first.map(item)}
          <Divider component="li" />
          {second.map(item)}
        </DropdownList>
      </Dropdown>
      {choice !== null && <Dialog choice={choice} device={device} onClose={() => setChoice(null)} />}
    </>
  );
}
