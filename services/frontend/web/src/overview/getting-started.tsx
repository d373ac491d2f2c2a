import { Card, CardBody, CardTitle, Content, ProgressStep, ProgressStepper } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { Link } from "react-router";
import type { Overview } from "./overview.ts";

interface Step {
  id: string;
  title: string;
  about: string;
  to: string;
  isDone: boolean;
}

function stepsOf({ provisioningTokens, templates }: Overview): Step[] {
  return [
    {
      id: "token",
      title: "Make a provisioning token",
      about: "It lets devices in: as many, as long, and with the labels that you choose.",
      to: "/provisioning-tokens",
      isDone: provisioningTokens > 0,
    },
    {
      id: "device",
      title: "Run its command on a device",
      about: "The token comes with one command for the device's cluster. The device appears here at once.",
      to: "/provisioning-tokens",
      isDone: false,
    },
    {
      id: "template",
      title: "Make a template, and assign it",
      about: "Kustomize files, typed here or from Git; each device keeps running what it is assigned.",
      to: "/templates",
      isDone: templates > 0,
    },
  ];
}

/** In place of empty cards: what to do first. */
export function GettingStarted({ overview }: { overview: Overview }): ReactNode {
  const steps = stepsOf(overview);
  const current = steps.find(({ isDone }) => !isDone);
  return (
    <Card>
      <CardTitle component="h2">Connect your first device</CardTitle>
      <CardBody>
        <Content component="p">
          This organisation has no devices yet. Three steps lead to a running workload.
        </Content>
        <ProgressStepper isVertical aria-label="First steps">
          {steps.map(({ id, title, about, to, isDone }) => (
            <ProgressStep
              key={id}
              id={`step-${id}`}
              titleId={`step-${id}-title`}
              variant={isDone ? "success" : id === current?.id ? "info" : "pending"}
              isCurrent={id === current?.id}
              description={about}
              aria-label={`${title}: ${isDone ? "done" : "to do"}`}
            >
              <Link to={to}>{title}</Link>
            </ProgressStep>
          ))}
        </ProgressStepper>
      </CardBody>
    </Card>
  );
}
