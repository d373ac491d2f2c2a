import { Label, Progress, Tooltip } from "@patternfly/react-core";
import { BanIcon } from "@patternfly/react-icons/dist/esm/icons/ban-icon";
import { CheckCircleIcon } from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import { ExclamationTriangleIcon } from "@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon";
import { OutlinedClockIcon } from "@patternfly/react-icons/dist/esm/icons/outlined-clock-icon";
import type { ReactNode } from "react";
import { useNow } from "../components/use-now.ts";
import { tokenState, type Token, type TokenState } from "./token.ts";

const shown = {
  active: { text: "Active", color: "green", icon: <CheckCircleIcon />, hint: "It lets devices in." },
  expired: { text: "Expired", color: "grey", icon: <OutlinedClockIcon />, hint: "Its time is over." },
  exhausted: {
    text: "Exhausted",
    color: "orange",
    icon: <ExclamationTriangleIcon />,
    hint: "As many devices as it may let in enrolled with it.",
  },
  disabled: { text: "Disabled", color: "grey", icon: <BanIcon />, hint: "Somebody switched it off." },
} as const;

export const stateText = (state: TokenState): string => shown[state].text;

export function TokenStateLabel({ token }: { token: Token }): ReactNode {
  const { text, color, icon, hint } = shown[tokenState(token, useNow())];
  return (
    <Tooltip content={hint}>
      <Label isCompact color={color} icon={icon} tabIndex={0}>
        {text}
      </Label>
    </Tooltip>
  );
}

/** Devices that enrolled, of those that may. */
export function UsageMeter({ token }: { token: Token }): ReactNode {
  const { usedCount, maxDevices } = token;
  if (maxDevices === null) return `${usedCount}, no limit`;
  const isFull = usedCount >= maxDevices;
  return (
    <Progress
      className="rciots-usage"
      size="sm"
      aria-label={`Devices enrolled with ${token.name}`}
      value={Math.min(usedCount, maxDevices)}
      max={maxDevices}
      label={`${usedCount} of ${maxDevices}`}
      measureLocation="outside"
      {...(isFull ? { variant: "warning" as const } : {})}
    />
  );
}
