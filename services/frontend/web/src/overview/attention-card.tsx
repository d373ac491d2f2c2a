import { Card, CardBody, CardTitle, EmptyState, Icon } from "@patternfly/react-core";
import { CheckCircleIcon } from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import { DisconnectedIcon } from "@patternfly/react-icons/dist/esm/icons/disconnected-icon";
import { ExclamationCircleIcon } from "@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon";
import { ExclamationTriangleIcon } from "@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon";
import { PendingIcon } from "@patternfly/react-icons/dist/esm/icons/pending-icon";
import type { ReactNode } from "react";
import { Link } from "react-router";
import type { Overview } from "./overview.ts";

type Kind = keyof Overview["attention"];

interface Look {
  /** Of one, of several. */
  words: [string, string];
  icon: ReactNode;
  status?: "danger" | "warning" | "info";
  /** Where all of them are. */
  list: string;
  item: string;
}

/** The gravest first. */
const looks: Record<Kind, Look> = {
  failed: {
    words: ["device failed", "devices failed"],
    icon: <ExclamationCircleIcon />,
    status: "danger",
    list: "/devices?status=active&state=failed&state=rolled_back",
    item: "/devices",
  },
  templates: {
    words: ["template out of step with Git", "templates out of step with Git"],
    icon: <ExclamationCircleIcon />,
    status: "danger",
    list: "/templates",
    item: "/templates",
  },
  degraded: {
    words: ["device degraded", "devices degraded"],
    icon: <ExclamationTriangleIcon />,
    status: "warning",
    list: "/devices?status=active&state=degraded",
    item: "/devices",
  },
  certificate: {
    words: [
      "certificate ends soon, and its device is offline",
      "certificates end soon, and their devices are offline",
    ],
    icon: <ExclamationTriangleIcon />,
    status: "warning",
    list: "/devices?status=active&online=false",
    item: "/devices",
  },
  pending: {
    words: ["device waits for approval", "devices wait for approval"],
    icon: <PendingIcon />,
    status: "info",
    list: "/devices/pending",
    item: "/devices",
  },
  offline: {
    words: ["device offline", "devices offline"],
    icon: <DisconnectedIcon />,
    list: "/devices?status=active&online=false&sort=last-seen",
    item: "/devices",
  },
};

function Group({ kind, attention }: { kind: Kind; attention: Overview["attention"][Kind] }): ReactNode {
  const { words, icon, status, list, item } = looks[kind];
  const { total, items } = attention;
  return (
    <li className="rciots-attention">
      <Icon isInline {...(status === undefined ? {} : { status })}>
        {icon}
      </Icon>
      <div>
        <Link to={list}>
          {total.toLocaleString()} {words[total === 1 ? 0 : 1]}
        </Link>
        <ul className="rciots-attention-items">
          {items.map(({ id, name, message }) => (
            <li key={id}>
              <Link to={`${item}/${id}`}>{name}</Link>
              {message !== null && <span className="rciots-attention-message">{message}</span>}
            </li>
          ))}
          {total > items.length && (
            <li className="rciots-muted">and {(total - items.length).toLocaleString()} more</li>
          )}
        </ul>
      </div>
    </li>
  );
}

/** What somebody should look at. */
export function AttentionCard({ overview }: { overview: Overview }): ReactNode {
  const kinds = (Object.keys(looks) as Kind[]).filter((kind) => overview.attention[kind].total > 0);
  return (
    <Card isFullHeight>
      <CardTitle component="h2">Needs attention</CardTitle>
      <CardBody>
        {kinds.length === 0 ? (
          <EmptyState
            variant="sm"
            titleText="All is well"
            headingLevel="h3"
            icon={CheckCircleIcon}
            status="success"
          />
        ) : (
          <ul className="rciots-attentions">
            {kinds.map((kind) => (
              <Group key={kind} kind={kind} attention={overview.attention[kind]} />
            ))}
          </ul>
        )}
      </CardBody>
    </Card>
  );
}
