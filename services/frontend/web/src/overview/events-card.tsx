import { Card, CardBody, CardTitle, Icon } from "@patternfly/react-core";
import { ExclamationCircleIcon } from "@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon";
import { ExclamationTriangleIcon } from "@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon";
import { InfoCircleIcon } from "@patternfly/react-icons/dist/esm/icons/info-circle-icon";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { TimeAgo } from "../components/time-ago.tsx";
import type { OverviewEvent } from "./overview.ts";

const icons = {
  info: { status: "info", icon: <InfoCircleIcon />, word: "Information" },
  warning: { status: "warning", icon: <ExclamationTriangleIcon />, word: "Warning" },
  error: { status: "danger", icon: <ExclamationCircleIcon />, word: "Error" },
} as const;

function EventLine({ event }: { event: OverviewEvent }): ReactNode {
  const { status, icon, word } = icons[event.severity];
  const { message, deviceId, actor, at } = event;
  return (
    <li className="rciots-event">
      <Icon isInline status={status} aria-label={word} role="img">
        {icon}
      </Icon>
      <div>
        {deviceId === null ? message : <Link to={`/devices/${deviceId}`}>{message}</Link>}
        <span className="rciots-event-more">
          {actor.name}, <TimeAgo at={at} />
        </span>
      </div>
    </li>
  );
}

/** What happened last, and who did it. */
export function EventsCard({ events }: { events: readonly OverviewEvent[] }): ReactNode {
  return (
    <Card isFullHeight>
      <CardTitle component="h2">Recent events</CardTitle>
      <CardBody>
        {events.length === 0 ? (
          <span className="rciots-muted">Nothing has happened yet.</span>
        ) : (
          <ol className="rciots-events">
            {events.map((event) => (
              <EventLine key={event.id} event={event} />
            ))}
          </ol>
        )}
      </CardBody>
    </Card>
  );
}
